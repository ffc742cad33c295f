namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Which base columns a text depends on and what becomes of their values: what a decision about hidden columns needs, whichever columns those are.
/// A column stands here with every column that its values come from or are copied to by the catalog: a foreign key's target, a view's base, the
/// same column of parents, partitions and children. Columns are `schema.relation.column`.
/// </summary>
/// <param name="Touched">Every column of every relation that is read, written or changed, behind views too, whether the text names it or not.</param>
/// <param name="Read">What any expression depends on.</param>
/// <param name="Inferred">What decides on something that shows: which rows there are, their order, their groups, an expression that can fail.</param>
/// <param name="Stored">What is written somewhere, or becomes part of something that stays.</param>
/// <param name="Unresolved">Relations, and functions (`name()`), that the catalog does not know.</param>
public sealed record Lineage(
    IReadOnlyList<string> Touched, IReadOnlyList<string> Read, IReadOnlyList<string> Inferred, IReadOnlyList<string> Stored,
    IReadOnlyList<string> Unresolved)
{
    /// <summary>Stands for the text of definitions in the catalogs (defaults, constraints, views), whose literals can be anybody's data.</summary>
    public const string Definition = "pg_catalog.*.definition";

    /// <summary>Beside <see cref="Definition"/>: of a definition without the double quotes at its ends, which drivers take off the names of indexed columns.</summary>
    public const string Trimmed = "pg_catalog.*.definition.trimmed";

    public static Lineage Nothing { get; } = new([], [], [], [], []);

    /// <summary>Why the rest does not hold for sure; null where it does.</summary>
    public string? Unproven { get; init; }

    /// <summary>What runs along with it that is not followed value by value (a function, a block, a trigger); whether that reads masked columns, the facts
    /// tell. Null where nothing does.</summary>
    public string? Code { get; init; }

    /// <summary>What it makes or changes that stays (a definition, `select into`), so that values could be shown later under another name; null where it
    /// does not.</summary>
    public string? Indirect { get; init; }

    /// <summary>How values leave it in another way than as rows of this text that can be rewritten (`explain`, `copy`, `declare`, `prepare`…); null where
    /// they do not.</summary>
    public string? Elsewhere { get; init; }

    /// <summary>What leaves it, in whatever way: all that its rows depend on, and all that a plan is made from.</summary>
    public IReadOnlyList<string> Shown { get; init; } = [];

    /// <summary>What decides whether something can be written, by being there already: writing tells of it by failing, or by not failing.</summary>
    public IReadOnlyList<string> Tied { get; init; } = [];

    /// <summary>With what a name stands for that it runs: the rows are the other's, and come in another way than by its own text.</summary>
    public Lineage Running(Lineage other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new Lineage(
            [.. Touched.Union(other.Touched)], [.. Read.Union(other.Read)], [.. Inferred.Union(other.Inferred)], [.. Stored.Union(other.Stored)],
            [.. Unresolved.Union(other.Unresolved)])
        {
            Unproven = Unproven ?? other.Unproven,
            Code = Code ?? other.Code,
            Indirect = Indirect ?? other.Indirect,
            Elsewhere = Elsewhere ?? other.Elsewhere ?? "running it by its name in SQL",
            Shown = [.. Shown.Union(other.Shown)],
            Tied = [.. Tied.Union(other.Tied)],
        };
    }

    internal Policy.MaskPlan? LastPlan { get; set; }
}
