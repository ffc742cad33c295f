using System.Globalization;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// A write whose rows are counted before they last. Outside a transaction the agent opens one of its own around it, and commits or rolls back by the
/// count; inside one, or in the extended protocol, a count that is too high is followed by a message that fails, so that the transaction is the
/// server's own failed one. What the agent's own messages are answered never reaches the client.
/// </summary>
/// <param name="statement">The client's message; null where no transaction is opened around it.</param>
internal sealed class PgBoundedWrite(long most, string rule, Guid session, byte[]? statement)
{
    private static readonly byte[] Commit = PgFrame.OfTexts('Q', "commit");
    private static readonly byte[] Rollback = PgFrame.OfTexts('Q', "rollback");

    private enum Step { Begin, Statement, End }

    private Step step = statement is null ? Step.Statement : Step.Begin;
    private bool isOver;
    private bool failed;
    private byte[] answer = [];

    public static byte[] Begin { get; } = PgFrame.OfTexts('Q', "begin");

    /// <summary>Whether what the server says now answers a message of the agent's own.</summary>
    public bool IsOwn => step != Step.Statement;

    public bool IsWrapped { get; } = statement is not null;

    /// <summary>The statement is done.</summary>
    /// <param name="frame">CommandComplete, whole.</param>
    /// <returns>Why it must not last; null where it may.</returns>
    public PgRefusal? Completed(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> tag, long op)
    {
        answer = frame.ToArray();
        // a tag of another statement counts other rows than those that were changed
        var rows = tag.StartsWith("INSERT "u8) || tag.StartsWith("UPDATE "u8) || tag.StartsWith("DELETE "u8) || tag.StartsWith("MERGE "u8)
            ? PgOperations.Affected(tag)
            : null;
        if (rows <= most)
        {
            return null;
        }
        isOver = true;
        var text = rows is null
            ? $"denied by `{rule}`: nobody can tell how many rows it changed, and it was rolled back"
            : string.Create(CultureInfo.InvariantCulture, $"denied by `{rule}`: it would have changed {rows:N0} rows, more than {most:N0}, and was rolled back");
        var refusal = new PgRefusal(PgError.Refused, text, PgRefusal.Where(session, op), "narrow it down, or change the rows in several steps");
        answer = refusal.Response(default);
        return refusal;
    }

    /// <summary>The statement, or the end of its transaction, failed by itself: the client is told that.</summary>
    /// <returns>False where the agent's transaction did not even begin.</returns>
    public bool Fails()
    {
        failed = true;
        answer = [];
        return step != Step.Begin;
    }

    /// <summary>ReadyForQuery within the agent's own transaction.</summary>
    /// <param name="next">What to say to the server now; empty where its transaction is not as it must be.</param>
    /// <returns>Whether all is over: then <see cref="Answer"/> and this ReadyForQuery are the client's.</returns>
    public bool Ready(byte status, out byte[] next)
    {
        switch (step)
        {
            case Step.Begin when status != 'T':
                next = [];
                return false;
            case Step.Begin:
                step = Step.Statement;
                next = statement!;
                return false;
            case Step.Statement:
                step = Step.End;
                next = isOver || failed ? Rollback : Commit;
                return false;
            default:
                next = [];
                return true;
        }
    }

    /// <summary>What the client is told of the statement once it is certain; empty where it was told before.</summary>
    public byte[] Answer => answer;
}
