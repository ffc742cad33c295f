namespace AccessPlane.Contracts.Sql;

/// <summary>What is known of one message's SQL text, from the parse tree alone. Cached by exact text.</summary>
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

public enum NameAction { Prepare, Deallocate, Declare, Close, DiscardAll }
