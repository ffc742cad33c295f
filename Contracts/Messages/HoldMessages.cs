using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Messages;

/// <summary>`operation-held`: an operation waits in flight for people's verdict, with everything that they must see. Never a part of it: what is too
/// long to be shown whole is refused at the agent.</summary>
/// <param name="Op">The operation's number in the session's transcript.</param>
/// <param name="Text">Exactly what would run; <paramref name="TextHash"/> is the SHA-256 of its bytes, lower-case hex.</param>
/// <param name="Client">Address and port.</param>
/// <param name="Transaction">Of the session at the database: `I` none, `T` open, `E` failed.</param>
/// <param name="Rule">The id of the rule that holds it.</param>
/// <param name="Rows">How many rows the database's planner expects it to read or change; null where it could not be asked.</param>
/// <param name="Terms">Who decides, how many of them, and how long it may wait.</param>
/// <param name="Binding">SHA-256 over text, parameters and their types, facts, session, database, role and number: a decision counts for exactly this.</param>
/// <param name="ExpiresAt">By the control plane's clock, as the agent knows it.</param>
public sealed record HeldOperation(
    Guid Hold, Guid Session, Guid Grant, long Op, string Resource, string Database, string Role, string Protocol, string Client, string Text,
    string TextHash, IReadOnlyList<HeldParameter> Parameters, string Transaction, StatementFacts Facts, int Risk, string Rule,
    IReadOnlyList<Reason> Reasons, long? Rows, HoldTerms Terms, string Binding, DateTimeOffset ExpiresAt, long PolicyVersion)
{
    /// <summary>What it runs by name (`execute`, `fetch`), and what that runs; <see cref="Facts"/> are those of all together.</summary>
    public IReadOnlyList<HeldRun> Runs { get; init; } = [];
}

/// <summary>A text that was sent before, and runs now.</summary>
/// <param name="Name">Of the prepared statement or cursor.</param>
/// <param name="Text">All of the text that made it.</param>
public sealed record HeldRun(string Name, string Text);

/// <summary>One bound value. Neither text nor base64: null.</summary>
/// <param name="Type">OID of its type as the client named it; null where it left that to the database.</param>
/// <param name="Text">A value that was sent as text.</param>
/// <param name="Base64">A value that was sent in binary form, or is no text.</param>
public sealed record HeldParameter(long? Type, string? Text, string? Base64);

/// <summary>`hold-ended`: the agent ended it, whatever may be decided yet.</summary>
/// <param name="Outcome">`lapsed` or `abandoned`.</param>
public sealed record HoldEnd(Guid Hold, string Outcome, string Why);

/// <summary>`hold-decided`.</summary>
/// <param name="Outcome">`released`, `refused` or `lapsed`.</param>
/// <param name="Binding">Of the operation that was decided about.</param>
/// <param name="By">Who decided; for people to read.</param>
/// <param name="Comment">The reviewer's own words.</param>
/// <param name="Until">When the hold's time is over in any case.</param>
public sealed record HoldDecision(Guid Hold, string Outcome, string Binding, string By, string? Comment, DateTimeOffset Until);
