using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What is known of texts in one catalog. Another catalog is another knowledge: nothing of the old one is kept.</summary>
internal sealed class PgKnowledge(PgCatalog catalog, PgParser parser)
{
    private readonly PgAnalyst analyst = new(catalog, PgGrammar.Native);
    private readonly PgFactsCache shapes = new();

    public PgCatalog Catalog { get; } = catalog;
    public PgFactsCache Cache { get; } = new();

    /// <summary>Another one where the catalog has changed; null where that is not known.</summary>
    public string? Fingerprint { get; init; }

    /// <summary>What is known of a text, because it was read, or one that differs from it in numbers which do not matter; null where it must be read.</summary>
    public PgText? Find(ReadOnlySpan<byte> text)
    {
        if (Cache.Find(text) is { } known)
        {
            return known;
        }
        Span<byte> shape = stackalloc byte[PgShape.Longest];
        var length = PgShape.Of(text, shape);
        return length > 0 && shapes.Find(shape[..length]) is { } alike ? new PgText(text.ToArray(), alike.Facts, this) : null;
    }

    /// <summary>A text that is small enough to be read here and now; null for what <see cref="Read"/> must be asked.</summary>
    public PgText? ReadSmall(ReadOnlySpan<byte> text)
    {
        if (PgParser.ReadSmall(text, analyst, out var numbersMatter) is not { } facts)
        {
            return null;
        }
        if (!numbersMatter && facts.Unknown is null)
        {
            Span<byte> shape = stackalloc byte[PgShape.Longest];
            var length = PgShape.Of(text, shape);
            if (length > 0)
            {
                shapes.Add(shape[..length], facts, this);
            }
        }
        return Cache.Add(text, facts, this);
    }

    /// <summary>Reads on the parser's own threads. Never fails: what cannot be read is unknown, and so refused.</summary>
    public async ValueTask<PgText> Read(ReadOnlyMemory<byte> text)
    {
        var (facts, mayKeep) = await parser.Read(text, analyst);
        return mayKeep ? Cache.Add(text.Span, facts, this) : new PgText(text.ToArray(), facts, this);
    }
}
