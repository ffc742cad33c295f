using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What is known of texts in one catalog. Another catalog is another knowledge: nothing of the old one is kept.</summary>
internal sealed class PgKnowledge(PgCatalog catalog, PgParser parser)
{
    private readonly PgAnalyst analyst = new(catalog, PgGrammar.Native);

    public PgCatalog Catalog { get; } = catalog;
    public PgFactsCache Cache { get; } = new();

    /// <summary>Another one where the catalog has changed; null where that is not known.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>A text that is small enough to be read here and now; null for what <see cref="Read"/> must be asked.</summary>
    public PgText? ReadSmall(ReadOnlySpan<byte> text) =>
        PgParser.ReadSmall(text, analyst) is { } facts ? Cache.Add(text, facts, this) : null;

    /// <summary>Reads on the parser's own threads. Never fails: what cannot be read is unknown, and so refused.</summary>
    public async ValueTask<PgText> Read(ReadOnlyMemory<byte> text)
    {
        var (facts, mayKeep) = await parser.Read(text, analyst);
        return mayKeep ? Cache.Add(text.Span, facts, this) : new PgText(text.ToArray(), facts, this);
    }
}
