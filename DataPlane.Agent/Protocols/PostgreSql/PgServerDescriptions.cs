namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What the server says of columns, to the client and, under masks, to the agent.</summary>
internal sealed partial class PgServerAnswers
{
    /// <summary>More than the most columns with the longest names take.</summary>
    public const int LongestDescription = 256 * 1024;

    private Fit RowDescription()
    {
        if (IsAt(Ask.DescribePortal) || (IsAt(Ask.DescribeStatement) && unanswered[0].HalfAnswered))
        {
            unanswered.RemoveFirst();
            return Fit.Passes;
        }
        return IsAt(Ask.Query) ? Fit.Passes : Fit.Misfit;
    }

    private Fit ParameterDescription()
    {
        if (!IsAt(Ask.DescribeStatement) || unanswered[0].HalfAnswered)
        {
            return Fit.Misfit;
        }
        unanswered[0].HalfAnswered = true;
        return Fit.Passes;
    }

    private Fit NoData()
    {
        if (!IsInjected)
        {
            return RowDescription();
        }
        unanswered.RemoveFirst();
        state.Redaction.DescribeNone(ref unanswered[0]);
        return Fit.Drops;
    }

    /// <summary>Under masks the columns must be those that the text says; where rows are recorded, so are their columns.</summary>
    private Fit Described(ReadOnlySpan<byte> frame, int length)
    {
        var query = IsAt(Ask.Query) && (unanswered[0].Hiding is not null || unanswered[0].RecordRows is not null);
        if (!query && !IsInjected)
        {
            return RowDescription();
        }
        if (!Whole(frame, length))
        {
            return length > LongestDescription ? Fit.Misfit : Fit.Incomplete;
        }
        if (query)
        {
            return unanswered[0].Stopped is null && Described(ref unanswered[0], Body(frame, length)) ? Fit.Passes : Fit.Drops;
        }
        unanswered.RemoveFirst();
        Described(ref unanswered[0], Body(frame, length));
        return Fit.Drops;
    }

    private bool Described(ref PgAsked asked, ReadOnlySpan<byte> description)
    {
        if (asked.RecordRows is { } bound)
        {
            state.Operations.Seen.Describe(asked.Op, bound, description);
        }
        return state.Redaction.Describe(ref asked, description);
    }

    private Fit CopyOutBegins(ReadOnlySpan<byte> frame, int length)
    {
        if (Runs && unanswered[0].RecordRows is { } bound)
        {
            if (!Whole(frame, length))
            {
                return length > LongestHeld ? Fit.Misfit : Fit.Incomplete;
            }
            state.Operations.Seen.BeginCopy(unanswered[0].Op, bound, inBinary: length > 4 && frame[PgFrame.Header] == 1);
        }
        return CopyBegins(copyIn: false);
    }

    /// <summary>The agent's own Describe is being answered, and the Execute that it is for stands behind it.</summary>
    private bool IsInjected => unanswered.Count > 1 && unanswered[0].IsInjected && unanswered[1].Ask == Ask.Execute;
}
