using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Server → client: what passes as it comes, what is dropped, and what is told in its place. What the messages mean is for
/// <see cref="PgServerAnswers"/> and <see cref="PgServerErrors"/> to say; bodies of rows and descriptions pass without being looked into.
/// </summary>
internal sealed class PgServerSide(PgState state)
{
    private const int LongestHeld = 64 * 1024;

    private readonly PgServerAnswers answers = new(state);
    private readonly PgServerErrors errors = new(state);
    private long passing;
    private bool isKept;
    private long dropping;

    public bool IsBetweenMessages => passing == 0 && !state.Redaction.Rows.IsActive && !state.RedactedCopy.IsActive;

    public Verdict Look(ReadOnlySpan<byte> pending)
    {
        var at = 0;
        while (true)
        {
            var rest = pending[at..];
            if (state.Told.Length > 0)
            {
                return at > 0 ? Verdict.Forward(at) : Verdict.Rewrite(0, state.TakeTold());
            }
            if (passing > 0)
            {
                var part = (int)Math.Min(passing, rest.Length);
                if (isKept)
                {
                    state.Operations.Seen.Take(rest[..part]);
                }
                passing -= part;
                at += part;
                if (passing > 0)
                {
                    return at > 0 ? Verdict.Forward(at) : Verdict.More(1);
                }
                isKept = false;
                continue;
            }
            if (dropping > 0)
            {
                return at > 0 ? Verdict.Forward(at) : Drop(rest.Length);
            }
            if (state.Redaction.Rows.IsActive || state.RedactedCopy.IsActive)
            {
                return at > 0 ? Verdict.Forward(at) : Redact(rest);
            }
            if (rest.Length < PgFrame.Header)
            {
                return at > 0 ? Verdict.Forward(at) : Verdict.More(PgFrame.Header);
            }
            var length = PgFrame.LengthAt(rest);
            if (length is < 4 or > PgFrame.MaxLength)
            {
                return at > 0 ? Verdict.Forward(at) : Misfit("a message of an impossible length");
            }
            if (rest[0] == 'E' && at > 0)
            {
                return Verdict.Forward(at);
            }
            switch (rest[0] == 'E' ? Error(rest, length) : answers.Classify(rest, length))
            {
                case Fit.Passes:
                    passing = length + 1L;
                    break;
                case Fit.Keeps:
                    (passing, isKept) = (length + 1L, true);
                    break;
                case Fit.Drops:
                    dropping = length + 1L;
                    break;
                case Fit.Redacts when rest[0] == 'D':
                    state.Redaction.Rows.Begin(state.Unanswered[0].Hiding!, length);
                    break;
                case Fit.Redacts:
                    state.RedactedCopy.Begin(state.Unanswered[0].Hiding!, length);
                    break;
                case var _ when at > 0:
                    return Verdict.Forward(at);
                case Fit.Incomplete:
                    return Verdict.More((int)Math.Min(length + 1L, rest[0] == 'T' ? PgServerAnswers.LongestDescription : LongestHeld));
                default:
                    return Misfit($"`{(char)rest[0]}` out of turn");
            }
        }
    }

    /// <summary>What is recorded of a row is what the client gets of it.</summary>
    private Verdict Redact(ReadOnlySpan<byte> rest)
    {
        var verdict = state.Redaction.Rows.IsActive ? state.Redaction.Rows.Look(rest) : state.RedactedCopy.Look(rest);
        if (verdict.Act is Act.Forward or Act.Rewrite && state.Unanswered[0].RecordRows is not null)
        {
            state.Operations.Seen.Take(verdict.Act == Act.Forward ? rest[..verdict.Bytes] : verdict.Replacement.Span);
        }
        return verdict;
    }

    private Verdict Drop(int available)
    {
        var part = (int)Math.Min(dropping, available);
        dropping -= part;
        return part > 0 ? Verdict.Drop(part) : Verdict.More(1);
    }

    private Verdict Misfit(string what)
    {
        state.Broken ??= $"the database sent {what}";
        return Verdict.Kill;
    }

    /// <summary>An error longer than what is held is judged by its start, where everything stands that it is judged by.</summary>
    private Fit Error(ReadOnlySpan<byte> frame, int length)
    {
        var total = length + 1L;
        if (frame.Length < total && frame.Length < LongestHeld)
        {
            return Fit.Incomplete;
        }
        return errors.Classify(frame[PgFrame.Header..(int)Math.Min(total, frame.Length)]);
    }
}

/// <summary>What becomes of one message of the server. What is told to the client stands before it, in <see cref="PgState.Told"/>.</summary>
internal enum Fit
{
    Passes,

    /// <summary>It passes, and is part of the record.</summary>
    Keeps,
    Drops,

    /// <summary>It passes with some of it hidden.</summary>
    Redacts,

    /// <summary>More of it is needed.</summary>
    Incomplete,

    /// <summary>It answers nothing that was asked: both sides end.</summary>
    Misfit,
}
