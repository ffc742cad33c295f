using System.Collections.Immutable;

namespace AccessPlane.Contracts.Sql;

/// <summary>A value while a query is followed.</summary>
/// <param name="Name">Null where PostgreSQL makes one up: such a column may go by any name.</param>
/// <param name="Verbatim">It is one column's value, unchanged.</param>
internal sealed record PgValue(string? Name, ImmutableHashSet<string> Sources, bool Verbatim)
{
    public static ImmutableHashSet<string> None { get; } = ImmutableHashSet.Create<string>(StringComparer.Ordinal);
    public static PgValue Constant { get; } = new(null, None, false);
}

/// <param name="Columns">Null where they cannot be told apart.</param>
/// <param name="All">What any of them depends on.</param>
internal sealed record PgRows(IReadOnlyList<PgValue>? Columns, ImmutableHashSet<string> All)
{
    public static PgRows Of(IReadOnlyList<PgValue> columns) => new(columns, Union(columns));

    public static PgRows Empty { get; } = new([], PgValue.None);

    public static ImmutableHashSet<string> Union(IEnumerable<PgValue> values) => values.Aggregate(PgValue.None, (all, v) => all.Union(v.Sources));

    /// <summary>The same rows with other names for the first columns.</summary>
    public PgRows Named(IReadOnlyList<string> names) => Columns is null || names.Count == 0
        ? this
        : this with { Columns = [.. Columns.Select((c, i) => i < names.Count ? c with { Name = names[i] } : c)] };
}

/// <summary>Something in FROM under its name.</summary>
/// <param name="Relation">The full name of a base relation; null for all else.</param>
internal sealed record PgItem(string Alias, PgRows Rows, string? Relation = null);

/// <summary>What names mean at one level of a query. <see cref="Visible"/> is what `*` stands for and where a bare name is looked for.</summary>
internal sealed class PgLevel(PgLevel? outer)
{
    private static readonly ImmutableHashSet<string> SystemColumns =
        ImmutableHashSet.Create(StringComparer.Ordinal, "ctid", "tableoid", "xmin", "xmax", "cmin", "cmax");

    private readonly Dictionary<string, PgRows?> ctes = new(StringComparer.Ordinal);

    public List<PgItem> Items { get; } = [];

    /// <summary>Null where some item's columns are not known.</summary>
    public List<PgValue>? Visible { get; set; } = [];

    public PgLevel? Outer { get; } = outer;

    /// <param name="rows">Null while the query cannot be used yet.</param>
    public void Declare(string cte, PgRows? rows) => ctes[cte] = rows;

    /// <summary>What a sub-select in FROM sees that may not refer to its neighbours: names of CTEs, and the queries around.</summary>
    public PgLevel WithoutItems()
    {
        var scope = new PgLevel(Outer);
        foreach (var (name, rows) in ctes)
        {
            scope.Declare(name, rows);
        }
        return scope;
    }

    public bool HasCte(string name, out PgRows? rows)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.ctes.TryGetValue(name, out rows))
            {
                return true;
            }
        }
        rows = null;
        return false;
    }

    public PgItem? Item(string alias)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope.Items.FirstOrDefault(i => i.Alias == alias) is { } found)
            {
                return found;
            }
        }
        return null;
    }

    /// <summary>A bare name: a column of the nearest level that has one, else an item's whole row. Where a level has columns of unknown names it may
    /// be any of them, and the search goes on.</summary>
    public PgValue? Find(string name)
    {
        var maybe = PgValue.None;
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (In(scope.Visible ?? scope.Items.SelectMany(i => i.Rows.Columns ?? []), name) is { } found)
            {
                return maybe.IsEmpty ? found : new PgValue(name, maybe.Union(found.Sources), false);
            }
            maybe = scope.Items.Aggregate(maybe, (all, i) => all.Union(Nameless(i.Rows)));
        }
        if (SystemColumns.Contains(name))
        {
            return new PgValue(name, maybe, false);
        }
        if (Item(name) is { } row)
        {
            return new PgValue(name, maybe.Union(row.Rows.All), false);
        }
        return maybe.IsEmpty ? null : new PgValue(name, maybe, false);
    }

    /// <summary>A column of one item; null where it has none of that name.</summary>
    public static PgValue? In(PgItem item, string name)
    {
        if (In(item.Rows.Columns ?? [], name) is { } found)
        {
            return found;
        }
        if (item.Rows.Columns is null || SystemColumns.Contains(name))
        {
            return new PgValue(name, item.Rows.Columns is null ? item.Rows.All : PgValue.None, false);
        }
        return item.Rows.Columns.Any(c => c.Name is null) ? new PgValue(name, Nameless(item.Rows), false) : null;
    }

    public static PgValue? In(IEnumerable<PgValue> columns, string name)
    {
        PgValue? found = null;
        foreach (var column in columns)
        {
            if (column.Name == name)
            {
                found = found is null ? column : new PgValue(name, found.Sources.Union(column.Sources), false);
            }
        }
        return found;
    }

    private static ImmutableHashSet<string> Nameless(PgRows rows) =>
        rows.Columns is null ? rows.All : PgRows.Union(rows.Columns.Where(c => c.Name is null));
}
