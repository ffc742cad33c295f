using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// How a login finds views in the place of relations with masked columns: by the search path where a text names them alone, by another name in the text
/// where it names them with their schema. Shared by all sessions that see the same.
/// </summary>
/// <param name="SearchPath">Every schema of the usual path, behind the one with its views.</param>
/// <param name="SchemaOf">The schema of a relation's view, by `schema.relation`.</param>
internal sealed record PgViews(string SearchPath, IReadOnlyDictionary<string, string> SchemaOf)
{
    private readonly ConditionalWeakTable<PgText, byte[]> sent = [];

    /// <summary>The text as it goes to the server; the very one that came where it names nothing that is called otherwise.</summary>
    public byte[] Of(PgText text) => text.Facts.Qualified is null
        ? text.Text
        : sent.GetValue(text, t => PgRenaming.Apply(t.Text, t.Facts.Qualified, SchemaOf));

    /// <summary>Where an error stands in the text as the client knows it; null where that is what the server says.</summary>
    /// <param name="error">An ErrorResponse's body.</param>
    public byte[]? Relocate(PgText text, ReadOnlySpan<byte> error)
    {
        var went = Of(text);
        return !ReferenceEquals(went, text.Text) &&
            System.Buffers.Text.Utf8Parser.TryParse(PgError.Field(error, 'P'), out int position, out _) && PgError.IsWhole(error)
            ? PgError.At(error, PgRenaming.Original(text.Text, went, position))
            : null;
    }
}
