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

    /// <summary>Operators that are not built in, by their symbol alone.</summary>
    public FrozenDictionary<string, IReadOnlyList<PgOperator>> Operators { get; init; } = FrozenDictionary<string, IReadOnlyList<PgOperator>>.Empty;

    /// <summary>Types whose use may run functions that are not built in, by `schema.name`.</summary>
    public FrozenDictionary<string, PgType> Types { get; init; } = FrozenDictionary<string, PgType>.Empty;

    /// <summary>The login's `search_path` as it is set, which every session begins with and returns to; null where it is not known.</summary>
    public string? PathSetting { get; init; }

    /// <summary>The login that it was read by, and the role that this has from the start; null where they are not known.</summary>
    public string? Login { get; init; }
    public string? ActsAs { get; init; }

    /// <summary>Why a change of the schema may do more than it says (an event trigger); null where it cannot.</summary>
    public string? OpaqueChanges { get; init; }

    /// <summary>A relation as it is written in a statement; null where the catalog has none of that name.</summary>
    public PgRelation? Relation(string? schema, string name) => Find(Relations, schema, name);

    /// <summary>All overloads of a function as it is written in a statement; empty where the catalog has none of that name.</summary>
    public IReadOnlyList<PgFunction> FunctionsNamed(string? schema, string name) => Find(Functions, schema, name) ?? [];

    /// <summary>A type as it is written in a statement; null for all that run nothing of their own.</summary>
    public PgType? Type(string? schema, string name) => Types.Count == 0 ? null : Find(Types, schema, name);

    /// <summary>What its relations and their columns are called, PostgreSQL's own left out, in an order that is always the same.</summary>
    public IReadOnlyList<Messages.RelationNames> Names() =>
    [
        .. Relations.Values.Where(r => r.Kind != 'S' && !PgTrusted.IsSystem(r.Schema)).OrderBy(r => r.FullName, StringComparer.Ordinal)
            .Select(r => new Messages.RelationNames(r.FullName, [.. r.Columns.Select(c => c.Name)])),
    ];

    /// <summary>The same with more functions.</summary>
    internal PgCatalog With(IReadOnlyList<PgFunction> more) => this with
    {
        Functions = Functions.Values.SelectMany(f => f).Concat(more).GroupBy(f => f.FullName).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgFunction>)[.. g]),
    };

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
/// <param name="Opaque">Why using it in whatever way may do more than the statement says; null where it cannot.</param>
/// <param name="Definition">A view's query, as the server prints it with every name in full; null for all else.</param>
public sealed record PgRelation(
    uint Oid, string Schema, string Name, char Kind, IReadOnlyList<PgColumn> Columns, IReadOnlyList<string> Parents, string? Opaque = null,
    string? Definition = null)
{
    public string FullName => $"{Schema}.{Name}";

    /// <summary>`schema.name` of the relations that a view reads.</summary>
    public IReadOnlyList<string> Reads { get; init; } = [];

    /// <summary>Its rows are filtered by policies.</summary>
    public bool HasPolicies { get; init; }

    /// <summary>What using it brings about beyond itself.</summary>
    public IReadOnlyList<PgEffect> Effects { get; init; } = [];
}

/// <summary>What happens to a relation.</summary>
[Flags]
public enum PgEvents
{
    None = 0,
    Select = 1,
    Insert = 2,
    Update = 4,
    Delete = 8,
    Truncate = 16,

    /// <summary>Of TRUNCATE: also what refers to it is emptied.</summary>
    Cascade = 32,
}

/// <param name="Why">What makes it happen, where that is more than a computation: a user's trigger, a rule, a foreign key; null for a function that only
/// gives a value.</param>
/// <param name="Function">The OID of a function that may run then: of a view, a default, a check, an index's expression, a policy, a trigger; 0 for none.</param>
/// <param name="Relation">`schema.name` of what a foreign key changes then; null for none.</param>
public sealed record PgEffect(PgEvents On, string? Why, uint Function = 0, string? Relation = null)
{
    /// <summary>What becomes of the rows of <see cref="Relation"/>.</summary>
    public PgEvents Then { get; init; } = PgEvents.Update | PgEvents.Delete;

    /// <summary>An update without any of these columns of the relation itself does not make it happen; null where any does.</summary>
    public IReadOnlyList<string>? Keys { get; init; }

    /// <summary>A rule, as the server prints it; null for all else.</summary>
    public string? Definition { get; init; }

    public bool IsTrigger => Why is not null && Function != 0;
}

/// <param name="Number">`attnum`.</param>
/// <param name="Type">Its type's OID.</param>
/// <param name="Source">`schema.relation.column` that its values come from: a foreign key's target, the base of a generated column or of a view's; more than one
/// where it is made of several; empty for none.</param>
public sealed record PgColumn(string Name, short Number, uint Type, IReadOnlyList<string> Source)
{
    /// <summary>`schema.relation.column` whose values decide, beside its own new one, whether that can be written: all columns of its keys, of checks over
    /// several columns, and of indexes that can fail.</summary>
    public IReadOnlyList<string> Ties { get; init; } = [];

    /// <summary>`schema.relation.column` of foreign keys that refer to it: whether its value may go depends on them.</summary>
    public IReadOnlyList<string> ReferredBy { get; init; } = [];

    /// <summary>It holds a value in every row.</summary>
    public bool IsNotNull { get; init; }
}

/// <param name="IsBuiltIn">Of `pg_catalog`, as PostgreSQL ships it.</param>
/// <param name="Volatility">`i`, `s` or `v`.</param>
/// <param name="Source">Its body where the language can be read here (`sql`, `plpgsql`); null otherwise.</param>
public sealed record PgFunction(
    uint Oid, string Schema, string Name, int Arguments, bool IsVariadic, bool IsBuiltIn, char Volatility, bool RunsAsOwner, string Language, string? Source)
{
    public string FullName => $"{Schema}.{Name}";

    /// <summary>Of the arguments, how many may be left out.</summary>
    public int Defaults { get; init; }

    /// <summary>Not built in, and yet known to do nothing but compute: of an extension that PostgreSQL's own distribution ships.</summary>
    public bool IsKnown { get; init; }

    /// <summary>The CREATE statement, as the server prints it; null where the language cannot be read here.</summary>
    public string? Definition { get; init; }

    /// <summary>The transaction that wrote it: another one, another body.</summary>
    public uint Version { get; init; }

    /// <summary>The search path that it sets for itself; null for its caller's.</summary>
    public IReadOnlyList<string>? SearchPath { get; init; }

    /// <summary>OIDs of functions that may run along with it: of its defaults, its arguments' types, an aggregate's parts.</summary>
    public IReadOnlyList<uint> Runs { get; init; } = [];

    public bool Takes(int arguments) =>
        arguments >= Arguments - Defaults - (IsVariadic ? 1 : 0) && (IsVariadic || arguments <= Arguments);
}

/// <param name="Function">The OID of the function behind it.</param>
public sealed record PgOperator(string Schema, string Name, uint Function);

/// <param name="Runs">OIDs of functions that may run where a value is made one of this type, or is made something else: casts, a domain's checks.</param>
public sealed record PgType(uint Oid, string Schema, string Name, IReadOnlyList<uint> Runs);
