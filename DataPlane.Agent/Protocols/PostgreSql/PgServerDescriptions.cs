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

    /// <summary>Under masks the columns must be those that the text says.</summary>
    private Fit Described(ReadOnlySpan<byte> frame, int length)
    {
        var query = IsAt(Ask.Query) && unanswered[0].Hiding is not null;
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
            return unanswered[0].Stopped is null && state.Redaction.Describe(ref unanswered[0], Body(frame, length)) ? Fit.Passes : Fit.Drops;
        }
        unanswered.RemoveFirst();
        state.Redaction.Describe(ref unanswered[0], Body(frame, length));
        return Fit.Drops;
    }

    /// <summary>The agent's own Describe is being answered, and the Execute that it is for stands behind it.</summary>
    private bool IsInjected => unanswered.Count > 1 && unanswered[0].IsInjected && unanswered[1].Ask == Ask.Execute;
}
