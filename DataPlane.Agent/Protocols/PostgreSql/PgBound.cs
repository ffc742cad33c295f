using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a portal was bound to, kept where people must see it.</summary>
/// <param name="Formats">As <see cref="BoundParameters.Formats"/>, <paramref name="Values"/> likewise.</param>
internal sealed record PgBound(int Count, byte[] Formats, byte[] Values)
{
    public const int Longest = 64 * 1024;

    public static PgBound None { get; } = new(0, [], []);

    /// <returns>Null where there is too much of it to be shown to anyone.</returns>
    public static PgBound? Of(in BoundParameters parameters) =>
        parameters.Count == 0 ? None
        : parameters.Omitted > 0 || parameters.Values.Length > Longest ? null
        : new PgBound(parameters.Count, parameters.Formats.ToArray(), parameters.Values.ToArray());

    /// <summary>The values as people read them.</summary>
    /// <param name="types">OIDs as Parse named them, in wire form.</param>
    public IReadOnlyList<HeldParameter> Shown(byte[] types)
    {
        var shown = new List<HeldParameter>();
        var all = new BoundParameters(Count, Formats, Values);
        var values = Values.AsSpan();
        for (var i = 0; i < Count; i++)
        {
            var oid = types.Length >= (i + 1) * 4 ? BinaryPrimitives.ReadUInt32BigEndian(types.AsSpan(i * 4)) : 0;
            var length = BinaryPrimitives.ReadInt32BigEndian(values);
            values = values[4..];
            var value = length < 0 ? [] : values[..length];
            values = values[value.Length..];
            var isText = !all.IsBinary(i) && System.Text.Unicode.Utf8.IsValid(value) && !value.Contains((byte)0);
            shown.Add(new HeldParameter(
                oid == 0 ? null : oid, length >= 0 && isText ? Encoding.UTF8.GetString(value) : null,
                length >= 0 && !isText ? Convert.ToBase64String(value) : null));
        }
        return shown;
    }

    /// <summary>
    /// Everything that a decision is about, as one hash: each part with its length, so that nothing can move from one into the next. The facts hold
    /// what the names in the text stand for, by name and as the very objects that they are. Nothing of the client passes between parking and release, so that the session's own settings stay.
    /// </summary>
    /// <param name="identity">Who the session is at the database, and where.</param>
    /// <param name="facts">Of the text and of all that it runs by name.</param>
    public string Bind(PgText text, StatementFacts facts, string identity, Guid session, long op)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, "accessplane.hold.v2"u8);
        Add(hash, text.Text);
        Add(hash, text.ParameterTypes);
        Add(hash, BitConverter.GetBytes(Count));
        Add(hash, Formats);
        Add(hash, Values);
        Add(hash, JsonSerializer.SerializeToUtf8Bytes<StatementFacts>(facts, Json.Options));
        Add(hash, Encoding.UTF8.GetBytes(facts.Objects));
        Add(hash, Encoding.UTF8.GetBytes(identity));
        Add(hash, Encoding.ASCII.GetBytes($"{session:D}/{op}"));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Add(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
