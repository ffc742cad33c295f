using System.Text.Json.Serialization;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// What is known of one message's SQL text, from its parse tree and the catalog that its names were resolved in. Cached by exact text and catalog.
/// Recorded with the operation, so that a ruling can be explained later, and a candidate policy tried, without the text being read again.
/// </summary>
/// <param name="Kinds">The real kinds of everything in the text, without repeats, in order: `EXPLAIN ANALYZE DELETE` is explain and delete,
/// a data-modifying CTE is what it modifies.</param>
/// <param name="Statements">How many statements the text holds; 0 for an empty query.</param>
/// <param name="Unknown">Why the text cannot be classified; null when it can. Unknown is refused.</param>
/// <param name="Refused">Why no session may ever run it (it would change how SQL is read, or who the session is); null otherwise.</param>
/// <param name="AsksForWrites">It asks for read-write transactions: refused where the scope only reads, because that is also pinned in the database.</param>
/// <param name="SyntaxErrorAt">It is no SQL at all: the character that the grammar stumbles over, from 1 (0 where it cannot say).</param>
/// <param name="Names">What it does to the session's names (prepared statements and cursors), in order.</param>
public sealed record StatementFacts(
    IReadOnlyList<string> Kinds, int Statements, string? Unknown = null, string? Refused = null, bool AsksForWrites = false,
    IReadOnlyList<NameUse>? Names = null, int? SyntaxErrorAt = null)
{
    /// <summary>Relations that are read or written, without repeats.</summary>
    public IReadOnlyList<RelationUse> Relations { get; init; } = [];

    /// <summary>Columns of base relations and where they stand, without repeats.</summary>
    public IReadOnlyList<ColumnUse> Columns { get; init; } = [];

    /// <summary>Functions that are called, as <see cref="RelationUse.Name"/> names relations; without repeats.</summary>
    public IReadOnlyList<string> Functions { get; init; } = [];

    /// <summary>It writes rows without a bound: no WHERE, or one that is true for every row.</summary>
    public bool Unbounded { get; init; }

    /// <summary>Why it may do more than can be read here (a trigger, code in another language, text that is put together while it runs); null where
    /// all it does stands in these facts.</summary>
    public string? Opaque { get; init; }

    /// <summary>Once it has run, names may mean something else than in the catalog that these facts were resolved in.</summary>
    public bool ChangesSchema { get; init; }

    /// <summary>Once it has run, code and names that are known may stand for something else, which nobody outside its transaction can see: more than new
    /// tables, columns and indexes.</summary>
    [JsonIgnore]
    public bool Redefines { get; init; }

    /// <summary>It is opaque for nothing but functions that the catalog has no name of: either they are new, or it fails.</summary>
    [JsonIgnore]
    public bool CallsUnknown { get; init; }

    /// <summary>Why it may change more rows than the server's count of them tells; null where that count is all.</summary>
    [JsonIgnore]
    public string? Uncounted { get; init; }

    /// <summary>Planning it runs nothing that somebody wrote: all that it may call is PostgreSQL's own.</summary>
    [JsonIgnore]
    public bool OnlyBuiltIn { get; init; }

    /// <summary>Everything that its names led to, as one hash of what the catalog says of it: what is dropped and made anew, or replaced, is another.</summary>
    [JsonIgnore]
    public string Objects { get; init; } = "";

    /// <summary>What the rows consist of that the text's one statement returns; null where nothing is proven (several statements, or a construct that
    /// cannot be followed), empty where it returns none.</summary>
    public IReadOnlyList<OutputColumn>? Outputs { get; init; }

    /// <summary>What its values depend on, followed through the catalog; null where that was not looked at.</summary>
    public Lineage? Lineage { get; init; }

    /// <summary>Where relations are named with their schema, for whoever puts another name there; null for nowhere. Not recorded: it is in the text.</summary>
    [JsonIgnore]
    public IReadOnlyList<QualifiedName>? Qualified { get; init; }

    public static StatementFacts NotUnderstood(string why) => new([], 0, Unknown: why);

    public bool Has(string kind)
    {
        for (var i = 0; i < Kinds.Count; i++)
        {
            if (Kinds[i] == kind)
            {
                return true;
            }
        }
        return false;
    }
}

/// <summary>A statement's effect on the names that SQL and the wire protocol share.</summary>
/// <param name="Name">Null for all of them.</param>
/// <param name="Lasts">Of a cursor: it outlives its transaction (`WITH HOLD`).</param>
public sealed record NameUse(NameAction Action, string? Name, bool Lasts = false);

public enum NameAction { Prepare, Deallocate, Declare, Close, DiscardAll, Execute, Fetch }

/// <param name="At">The byte of the text's UTF-8 at which the schema's name begins.</param>
public readonly record struct QualifiedName(int At, string Schema, string Relation);

/// <param name="Name">`schema.name`; `.name` where the catalog does not know it: such a name is taken for any schema's.</param>
/// <param name="Access">Both where both happen.</param>
public sealed record RelationUse(string Name, RelationAccess Access);

[Flags]
public enum RelationAccess { Read = 1, Write = 2 }

/// <param name="Column">`schema.relation.column`; `schema.relation.*` for the whole row.</param>
public sealed record ColumnUse(string Column, ColumnPlace Place);

/// <summary>Where a column stands. Everything but <see cref="Output"/> and <see cref="Assigned"/> tells something of its value without showing it.</summary>
public enum ColumnPlace { Output, Predicate, Ordering, Grouping, Expression, Assigned }

/// <summary>One column of the rows that come back.</summary>
/// <param name="Sources">Every base column (`schema.relation.column`) that its values can depend on.</param>
/// <param name="Verbatim">Its values are those of its one source, unchanged.</param>
public sealed record OutputColumn(string Name, IReadOnlyList<string> Sources, bool Verbatim);
