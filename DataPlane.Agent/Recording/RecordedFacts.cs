using System.Runtime.CompilerServices;
using System.Text.Json;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// What a ruling was based on, as the transcript holds it: JSON, made once for each object that is judged, and the name it goes by. Found again by the
/// object itself, without allocating.
/// </summary>
internal sealed class RecordedFacts
{
    /// <summary>Facts of a text of 1 MiB can be many times as long as the text.</summary>
    public const int Longest = 1 << 20;

    private static readonly ConditionalWeakTable<object, RecordedFacts> Known = [];
    private static readonly ConditionalWeakTable<object, RecordedFacts>.CreateValueCallback Make = Write;

    private RecordedFacts(byte[] json)
    {
        Json = json;
        Hash = RulingBasis.HashOf(json);
    }

    public ReadOnlyMemory<byte> Json { get; }

    /// <summary>As <see cref="RulingBasis.HashOf"/> makes it.</summary>
    public string Hash { get; }

    public static RecordedFacts Of(StatementFacts facts) => Known.GetValue(facts, Make);

    public static RecordedFacts Of(Scope scope) => Known.GetValue(scope, Make);

    private static RecordedFacts Write(object judged) => new(judged is StatementFacts facts
        ? JsonSerializer.SerializeToUtf8Bytes(facts with { Names = null }, Contracts.Json.Options)
        : JsonSerializer.SerializeToUtf8Bytes((Scope)judged, Contracts.Json.Options));
}
