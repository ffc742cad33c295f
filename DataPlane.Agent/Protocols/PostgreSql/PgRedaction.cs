using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Redaction in one session: what each operation's results must not show, and what is said in the place of the server's words. A session without masks
/// has no part in it.
/// </summary>
internal sealed class PgRedaction(PgState state)
{
    private PgOrigins? origins;

    /// <summary>Something in the open transaction touched masked relations: what fails at its end may speak of them.</summary>
    private bool touched;

    public PgRedactedRows Rows { get; } = new(state);

    /// <summary>Whether the server's words are kept from the client at this moment.</summary>
    public bool Guards => state.Unanswered.Count > 0 &&
        (state.Unanswered[0].Hiding is { Guards: true } || (touched && (state.Unanswered[0].Hiding is not null || state.Unanswered[0].Ask == Ask.Sync)));

    /// <summary>What is hidden of an operation; null where no mask is in force.</summary>
    public PgHiding? Begin(PgText text, Ruling ruling)
    {
        if (ruling.Masks.Count == 0)
        {
            return null;
        }
        var hiding = new PgHiding(MaskPlan.Of(state.Sight.FactsOf(text), ruling.Masks), ruling.Masks, state.Oversight.MaskKey)
        {
            NamesItsOwn = state.Sight.NamesItsOwn(text),
        };
        touched |= hiding.Guards;
        return hiding;
    }

    /// <summary>Under masks no row passes whose columns are not known: where a portal was not described yet, it is, before it is run.</summary>
    public static bool MustDescribe(PgHiding? hiding, in PgPortal portal)
    {
        if (hiding is not null && portal.Layout is { } layout && ReferenceEquals(layout.Plan, hiding.Plan))
        {
            hiding.Layout = layout;
        }
        return hiding is { Layout: null };
    }

    public byte[] DescribeFirst(ReadOnlySpan<byte> portal, ReadOnlySpan<byte> execute, bool awaited)
    {
        byte[] both = [.. PgFrame.Of('D', [(byte)'P', .. portal, 0]), .. PgFrame.Of('E', execute)];
        if (awaited)
        {
            state.Unanswered.AwaitAll();
        }
        return awaited ? [.. both, .. PgFrame.Flush] : both;
    }

    /// <summary>The columns of what the first unanswered message, or the one behind it, returns.</summary>
    /// <returns>Whether they are what the text says; where they are not, nothing of it will pass.</returns>
    public bool Describe(ref PgAsked asked, ReadOnlySpan<byte> body)
    {
        if (asked.Hiding is not { } hiding)
        {
            return true;
        }
        if (origins?.Fits(state.Catalog, hiding.Rules) != true)
        {
            origins = PgOrigins.Of(state.Catalog, hiding.Rules);
        }
        hiding.Layout = PgLayout.Of(body, hiding, origins, out var disagreement);
        if (hiding.Layout is { } layout)
        {
            Keep(asked.Portal, layout);
            return true;
        }
        Stop(ref asked, disagreement!);
        state.Sight.LookAgain(); // somebody else may have changed the schema
        return false;
    }

    public void DescribeNone(ref PgAsked asked)
    {
        if (asked.Hiding is { } hiding)
        {
            hiding.Layout = PgLayout.None(hiding.Plan);
            Keep(asked.Portal, hiding.Layout);
        }
    }

    private void Keep(byte[]? portal, PgLayout layout)
    {
        if (portal is not null && state.Names.Portal(portal) is { } known)
        {
            state.Names.SetPortal(portal, known with { Layout = layout });
        }
    }

    /// <summary>Nothing more of an operation reaches the client.</summary>
    public void Stop(ref PgAsked asked, string why)
    {
        var rule = asked.Hiding!.Rules[0].Id;
        asked.Stopped ??= new PgRefusal(
            PgError.Refused, $"cut off by `{rule}`: {why}", PgRefusal.Where(state.Session, asked.Op), "select the columns one by one, from their tables");
        state.Oversight.Fact("redaction", $"`{rule}`: operation {asked.Op} was cut off: {why}");
        state.Oversight.StopStatement();
    }

    /// <summary>An error whose words may hold what is hidden: its code remains.</summary>
    public static byte[] Told(ReadOnlySpan<byte> error)
    {
        var code = System.Text.Encoding.ASCII.GetString(PgError.Field(error, 'C'));
        return PgError.Of(PgError.IsFatal(error) ? "FATAL" : "ERROR", code.Length == 5 ? code : "XX000", Hidden(code));
    }

    public static string Hidden(string code) => $"the statement failed (`{code}`); the database's own words could show masked values";

    /// <summary>What detectors found is told once for each column of an operation.</summary>
    public void Tell(ref PgAsked asked)
    {
        if (asked.Hiding?.Layout is not { } layout)
        {
            return;
        }
        foreach (var field in layout.Fields)
        {
            if (field.Hits > 0)
            {
                state.Oversight.Detected(asked.Op, field.Rule!, field.Found, field.Name!, field.Hits);
                field.Hits = 0;
            }
        }
    }

    public void EndTransaction() => touched = false;
}
