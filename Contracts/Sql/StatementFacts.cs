namespace AccessPlane.Contracts.Sql;

/// <summary>What is known of one message's SQL text, from the parse tree alone. Cached by exact text.</summary>
/// <param name="Kinds">The real kinds of everything in the text, without repeats, in order: `EXPLAIN ANALYZE DELETE` is explain and delete,
/// a data-modifying CTE is what it modifies.</param>
/// <param name="Statements">How many statements the text holds; 0 for an empty query.</param>
/// <param name="Unknown">Why the text cannot be classified; null when it can. Unknown is refused.</param>
/// <param name="Refused">Why no session may ever run it (it would change how SQL is read, or who the session is); null otherwise.</param>
public sealed record StatementFacts(IReadOnlyList<string> Kinds, int Statements, string? Unknown = null, string? Refused = null)
{
    public static StatementFacts NotUnderstood(string why) => new([], 0, Unknown: why);
}
