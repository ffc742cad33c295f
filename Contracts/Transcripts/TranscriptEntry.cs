using System.Text.Json;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Transcripts;

/// <summary>
/// One entry of a session's transcript, as a reader sees it. The agent writes the canonical bytes itself (one line of UTF-8 JSON, members in
/// this order, absent ones left out); whoever verifies works on those bytes and never re-serialises.
/// </summary>
/// <param name="Seq">From 1, without holes.</param>
/// <param name="At">Wall clock of the agent; order is by <paramref name="Seq"/>, not by time.</param>
/// <param name="Kind">`start`, `statement`, `result`, `facts` and `scope` (what statements behind them were judged by, once a session), `cancel`, `freeze`, `thaw`, `gap`, `end`; `hold` (the
/// operation waits for people) and `hold-ended` (how that ended); `limit` (a bound of the policy that was reached) and `detected` (what a mask found in a column); `rows` (what the operation's client was sent, before its result, where the policy records that: one for what is kept of each of its results, as soon as that is complete, and one for how many more there were); `copy` (size and hash of data that came in) and `parameters`
/// (size and hash of parameters too large to keep), both told by the note.</param>
/// <param name="Op">The operation's number in the session: a statement and its result share it.</param>
/// <param name="Protocol">`simple`, `extended`, `function`, or `prepare` for a statement that was prepared and not run with it.</param>
/// <param name="Text">The statement; where it is longer than 1 MiB or not valid UTF-8, as much of it as can be shown.</param>
/// <param name="TextOmitted">Bytes of the statement that <paramref name="Text"/> leaves out; <paramref name="TextHash"/> is the SHA-256 of all its bytes.</param>
/// <param name="Params">Bind parameters: text as it is, null, `{"bytes":"…"}` for a value sent in binary form whose bytes read as printable text,
/// `{"base64":"…"}` for other bytes.</param>
/// <param name="ParamsOmitted">Bytes of parameters too large to keep; <paramref name="ParamsHash"/> is their SHA-256.</param>
/// <param name="Statements">The real kinds of everything in the text.</param>
/// <param name="FactsHash">Of a statement: by which facts it was judged, as <see cref="RulingBasis.HashOf"/> names them; absent where no rule was asked, because
/// the grant had ended or the message could not be one. Of `facts`: their name.</param>
/// <param name="Facts">Of `facts`: <see cref="Sql.StatementFacts"/>, without the session's names.</param>
/// <param name="FactsOmitted">Of `facts` that are too large to keep: how many bytes.</param>
/// <param name="ScopeHash">Of a statement: under which scope of the grant; of `scope`: its name.</param>
/// <param name="InTransaction">Whether it was judged as one inside a transaction block.</param>
/// <param name="Status">Transaction status after the operation: `I`, `T` or `E`.</param>
/// <param name="Duration">Microseconds from forwarding to the end.</param>
/// <param name="Bytes">Bytes of rows (or of COPY data) that passed.</param>
/// <param name="Outcome">`completed`, `failed`, `refused`, `cancelled`, `skipped` (the resource passed over it after an error before it), `undone` (it ran, and was rolled back
/// by what came behind it), `unknown` where the
/// session was cut before the answer, or `indeterminate` where the agent died before it: the resource may have done it or not.</param>
/// <param name="Hold">Of `hold` and `hold-ended`: the hold's id. <paramref name="Until"/>: when it lapses. <paramref name="By"/>: who ended it. The outcome is
/// `released` (it runs), `refused`, `lapsed` or `abandoned`.</param>
/// <param name="Masked">Values of rows that were hidden.</param>
/// <param name="Rule">Of `detected`: the mask rule whose <paramref name="Detector"/> found something, <paramref name="Count"/> times in this column.</param>
/// <param name="Columns">Of `rows`: what the rows consist of: nothing (an empty list) where they have no values; absent for COPY data, and where rows are only counted.</param>
/// <param name="Values">Of `rows`: the first rows of the operation as they left for the client, hidden where masks hide, each with its values in the form of
/// <paramref name="Params"/>. Of COPY data each piece is a row of one value. Where they are the last before an `end`, they may not have arrived,
/// whatever the outcome; where it is `indeterminate`, more may have been sent than is here and counted.</param>
/// <param name="RowsOmitted">Of `rows`: rows that were sent as well and are not here, nor in an entry before, because they are more, or larger, than the policy wants
/// recorded, were cut off in their middle, or came while the agent had no room for them. <paramref name="BytesOmitted"/>: their bytes. What is here is the beginning: from the
/// first row that is not kept on, none of the operation is.</param>
/// <param name="Cause">Of `end`: closed, revoked, surrendered, expired, locked, terminated, lease-lost, policy, upstream, protocol, limit, spool, lost.</param>
public sealed record TranscriptEntry(
    long Seq, DateTimeOffset At, string Kind,
    SessionStart? Start = null,
    long? Op = null, string? Protocol = null, string? Text = null, long? TextOmitted = null, string? TextHash = null,
    IReadOnlyList<JsonElement>? Params = null, long? ParamsOmitted = null, string? ParamsHash = null,
    IReadOnlyList<string>? Statements = null, string? FactsHash = null, JsonElement? Facts = null, long? FactsOmitted = null,
    string? ScopeHash = null, Scope? Scope = null, bool? InTransaction = null, Effect? Effect = null, IReadOnlyList<Reason>? Reasons = null, long? Policy = null,
    string? Outcome = null, string? Status = null, long? Duration = null, long? Rows = null, long? Bytes = null, string? Tag = null,
    EntryError? Error = null, string? Cause = null, long? CutMicros = null, string? Note = null,
    Guid? Hold = null, DateTimeOffset? Until = null, string? By = null,
    long? Masked = null, string? Rule = null, Detector? Detector = null, string? Column = null, long? Count = null,
    IReadOnlyList<SeenColumn>? Columns = null, IReadOnlyList<IReadOnlyList<JsonElement>>? Values = null, long? RowsOmitted = null, long? BytesOmitted = null);

/// <param name="Type">The database's number (OID) of its type.</param>
public sealed record SeenColumn(string Name, uint Type);

public sealed record EntryError(string Code, string Message);

/// <summary>What the first entry commits to.</summary>
/// <param name="Number">The agent's consecutive count of sessions.</param>
/// <param name="Previous">The agent's session before this one, so that its sessions are a chain that it has signed, link by link; null where it knows of none.</param>
/// <param name="Login">How the client logged in at the agent.</param>
/// <param name="DatabaseLogin">How the agent logged in for it at the database; null where that was the agent's own credential.</param>
public sealed record SessionStart(
    Guid Session, Guid Grant, string Entitlement, string Resource, string Agent, long Number, Identity.Actor Holder, string Database, string Client,
    string Application, string Login, long Policy, string Server, SessionLogin? DatabaseLogin = null, Guid? Previous = null);

/// <summary>The just-in-time login of one session, where PostgreSQL itself enforces masks.</summary>
/// <param name="Role">The login role, made for this session alone.</param>
/// <param name="Schema">The schema of the views through which it sees relations with masked columns; null where there are none.</param>
/// <param name="MaskedBy">Ids of the mask rules that PostgreSQL enforces in this session.</param>
/// <param name="Unmasked">Ids of those whose `unless` is for the holder: the session sees their columns as they are.</param>
public sealed record SessionLogin(string Role, string? Schema, IReadOnlyList<string> MaskedBy, IReadOnlyList<string> Unmasked);
