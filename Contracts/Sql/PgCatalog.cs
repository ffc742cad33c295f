using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// What a database says its names mean, as of one moment: read by the agent on its own connection, replaced whole when it changed. Facts are only as
/// true as the catalog that they were resolved in, so they are kept no longer than it.
/// </summary>
/// <param name="SearchPath">Schemas in which a name without one is looked for, in order, `pg_catalog` among them.</param>
/// <param name="Relations">By `schema.name`.</param>
/// <param name="Functions">By `schema.name`: all overloads.</param>
public sealed record PgCatalog(
    IReadOnlyList<string> SearchPath, FrozenDictionary<string, PgRelation> Relations, FrozenDictionary<string, IReadOnlyList<PgFunction>> Functions)
{
    /// <summary>Nothing is known: every name may mean anything.</summary>
    public static PgCatalog Unknown { get; } = new([], FrozenDictionary<string, PgRelation>.Empty, FrozenDictionary<string, IReadOnlyList<PgFunction>>.Empty);

    /// <summary>A relation as it is written in a statement; null where the catalog has none of that name.</summary>
    public PgRelation? Relation(string? schema, string name) => Find(Relations, schema, name);

    /// <summary>All overloads of a function as it is written in a statement; empty where the catalog has none of that name.</summary>
    public IReadOnlyList<PgFunction> FunctionsNamed(string? schema, string name) => Find(Functions, schema, name) ?? [];

    private T? Find<T>(FrozenDictionary<string, T> all, string? schema, string name)
        where T : class
    {
        if (schema is not null)
        {
            return all.GetValueOrDefault($"{schema}.{name}");
        }
        foreach (var candidate in SearchPath)
        {
            if (all.GetValueOrDefault($"{candidate}.{name}") is { } found)
            {
                return found;
            }
        }
        return null;
    }
}

/// <param name="Kind">PostgreSQL's `relkind`: r table, p partitioned, v view, m materialised view, f foreign table, S sequence, i index, c type.</param>
/// <param name="Columns">In the order of the table, dropped ones left out.</param>
/// <param name="Parents">`schema.name` of what it inherits from or is a partition of.</param>
/// <param name="Opaque">Why using it may do more than the statement says: a user's trigger, a rule, a cascading foreign key, a view with its owner's rights over
/// functions that cannot be read; null where it cannot.</param>
/// <param name="Definition">A view's query, as the server prints it with every name in full; null for all else.</param>
public sealed record PgRelation(
    uint Oid, string Schema, string Name, char Kind, IReadOnlyList<PgColumn> Columns, IReadOnlyList<string> Parents, string? Opaque = null,
    string? Definition = null)
{
    public string FullName => $"{Schema}.{Name}";
}

/// <param name="Number">`attnum`.</param>
/// <param name="Type">Its type's OID.</param>
/// <param name="Source">`schema.relation.column` that its values come from: a foreign key's target, the base of a generated column or of a view's; more than one
/// where it is made of several; empty for none.</param>
public sealed record PgColumn(string Name, short Number, uint Type, IReadOnlyList<string> Source);

/// <param name="IsBuiltIn">Of `pg_catalog`, as PostgreSQL ships it.</param>
/// <param name="Volatility">`i`, `s` or `v`.</param>
/// <param name="Source">Its body where the language can be read here (`sql`, `plpgsql`); null otherwise.</param>
public sealed record PgFunction(
    uint Oid, string Schema, string Name, int Arguments, bool IsVariadic, bool IsBuiltIn, char Volatility, bool RunsAsOwner, string Language, string? Source);
