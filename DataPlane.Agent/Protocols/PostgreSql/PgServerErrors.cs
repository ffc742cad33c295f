namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>ErrorResponse: whose it is, what it ends, and whether the client is told it or something else in its place.</summary>
internal sealed class PgServerErrors(PgState state)
{
    private readonly PgUnanswered unanswered = state.Unanswered;

    /// <param name="body">May be cut off at its end.</param>
    public Fit Classify(ReadOnlySpan<byte> body)
    {
        if (unanswered.Count == 0)
        {
            return PgError.IsFatal(body) ? Fit.Passes : Fit.Misfit;
        }
        var asked = unanswered[0];
        if (asked is { IsLook: true, Ask: Ask.Query } && state.Transaction == 'I')
        {
            return Fit.Drops; // it was cancelled with nothing of the client's: it is asked again
        }
        if (asked.Write is { } write)
        {
            if (!write.Fails())
            {
                state.Broken ??= "the transaction could not be opened in which the statement's effect is counted";
                return Fit.Misfit;
            }
        }
        var refusal = asked.Refusal is { } refused && refused.Caused(body) ? refused.In(state.Transaction)
            : PgError.Field(body, 'C').SequenceEqual("57014"u8) ? asked.Stopped ?? asked.Late : null;
        var guarded = refusal is null && state.Redaction.Guards;
        state.Redaction.Tell(ref unanswered[0]);
        Failed(body, refusal, guarded);
        if (state.Muted)
        {
            return Fit.Drops; // the client has its error
        }
        if (refusal is null && !guarded)
        {
            if (InOtherWords(asked.Text, body) is not { } told)
            {
                return Fit.Passes;
            }
            state.Tell(told);
            return Fit.Drops;
        }
        state.Tell(refusal is null ? PgRedaction.Told(body) : refusal.Response(body));
        return Fit.Drops;
    }

    /// <summary>For a session that sees views in the place of relations: where it wrote what failed, and why it was refused; null for the server's own.</summary>
    private byte[]? InOtherWords(PgText? text, ReadOnlySpan<byte> error)
    {
        var relocated = text is null ? null : state.Views?.Relocate(text, error);
        return state.Help?.Explain(text, relocated is null ? error : relocated.AsSpan(PgFrame.Header)) ?? relocated;
    }

    /// <summary>The first unanswered message failed; the server passes over what follows it up to the next Sync.</summary>
    private void Failed(ReadOnlySpan<byte> error, PgRefusal? instead, bool guarded)
    {
        if (state.CopyIn)
        {
            state.EndCopyIn("failed");
        }
        state.CopyOut = state.AwaitsCopy = state.AwaitsCount = false;
        var code = PgError.Field(error, 'C');
        state.Operations.FailUnit(instead is null ? code : System.Text.Encoding.ASCII.GetBytes(instead.Code));
        if (unanswered[0].Ask == Ask.Sync)
        {
            return; // the transaction's end failed, or the session is being ended: ReadyForQuery or the end follows
        }
        Blame(code.SequenceEqual("57014"u8) ? "cancelled" : "failed", code,
            instead is not null ? System.Text.Encoding.UTF8.GetBytes(instead.Message) :
            guarded ? System.Text.Encoding.UTF8.GetBytes(PgRedaction.Hidden(System.Text.Encoding.ASCII.GetString(code))) : PgError.Field(error, 'M'));
        if (unanswered[0].Ask == Ask.Query)
        {
            if (unanswered[0].Text is { } text && state.Operations.HasTag(unanswered[0].Op)) // some of it was done
            {
                state.Names.Forget(text);
            }
            return; // ReadyForQuery follows, and answers it
        }
        var skipped = unanswered.UpToSync();
        state.TakeBack(skipped);
        if (unanswered[0] is { Ask: Ask.Parse, Name.Length: 0 })
        {
            state.Names.SetStatement(default, null); // a failed Parse leaves no unnamed statement
        }
        for (var i = 0; i < skipped; i++)
        {
            state.Operations.Skip(unanswered[0].Op);
            unanswered.RemoveFirst();
        }
        state.Skipping = unanswered.Count == 0;
    }

    /// <summary>The error belongs to the first message's operation, or, where a Parse is recorded with its Bind, to that one.</summary>
    private void Blame(string outcome, ReadOnlySpan<byte> code, ReadOnlySpan<byte> message)
    {
        for (var i = 0; i < unanswered.Count; i++)
        {
            if (unanswered[i].Op != 0)
            {
                state.Operations.Fail(unanswered[i].Op, outcome, code, message);
                return;
            }
        }
    }
}
