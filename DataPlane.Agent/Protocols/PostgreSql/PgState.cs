namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What both directions of a conversation know. Used under the conversation's guard.</summary>
internal sealed class PgState
{
    private readonly PgSight sight;

    /// <param name="views">Of a login that sees views in the place of relations; null for one that sees what there is.</param>
    /// <param name="help">What such a login is told.</param>
    public PgState(Guid session, IPgOversight oversight, PgDatabase database, TimeProvider clock, PgViews? views = null, Masking.MaskHelp? help = null)
    {
        Views = views;
        Help = help;
        sight = new PgSight(database, Names, clock, views?.SearchPath);
        Session = session;
        Oversight = oversight;
        Clock = clock;
        Operations = new PgOperations(oversight, clock);
        Copy = new PgCopyIn(oversight);
        Results = new PgResults(this);
        Pace = new PgPace(clock);
        Holds = new PgHolds(this);
        Doubt = new PgDoubt(this);
        Redaction = new PgRedaction(this);
        RedactedCopy = new PgRedactedCopy(this);
        QuietSince = clock.GetTimestamp();
    }

    public Guid Session { get; }
    public PgViews? Views { get; }
    public Masking.MaskHelp? Help { get; }
    public IPgOversight Oversight { get; }
    public TimeProvider Clock { get; }
    public PgNames Names { get; } = new();
    public PgUnanswered Unanswered { get; } = new();
    public PgOperations Operations { get; }

    public PgCopyIn Copy { get; }
    public PgResults Results { get; }
    public PgPace Pace { get; }
    public PgHolds Holds { get; }
    public PgDoubt Doubt { get; }
    public PgRedaction Redaction { get; }
    public PgRedactedCopy RedactedCopy { get; }

    /// <summary>What the session's names mean now.</summary>
    public Contracts.Sql.PgCatalog Catalog => sight.Catalog;

    /// <summary>What is known of texts, and how sure that is.</summary>
    public PgSight Sight => sight;

    /// <summary>The transaction's status as the last ReadyForQuery told it, or open where it has ceased to be a failed one since.</summary>
    public byte Transaction { get; set; } = (byte)'I';

    /// <summary>The running unit has said BEGIN or the like: what follows it may be inside a block that no ReadyForQuery has told of.</summary>
    public bool MayHaveBegun { get; set; }

    /// <summary>A statement goes to the server.</summary>
    public void Forwarded(PgText text, Contracts.Policy.Ruling ruling)
    {
        Doubt.Forwarded(sight.FactsOf(text), ruling);
        sight.Forwarded(text);
    }

    public Contracts.Policy.Ruling Judge(PgText text)
    {
        var facts = sight.FactsOf(text);
        var ruling = Oversight.Judge(facts, Transaction != 'I' || MayHaveBegun);
        sight.LooksAgain = Contracts.Policy.MaskPlan.HideColumns(ruling.Masks);
        Results.Limits = Oversight.Limits;
        return ruling.MaxRows is null ? ruling : PgBounds.Countable(ruling, facts);
    }

    /// <summary>Something of the sync unit that is open was executed.</summary>
    public bool UnitHasRun { get; set; }

    /// <summary>Timestamp of the last ReadyForQuery.</summary>
    public long QuietSince { get; set; }

    /// <summary>Bytes for the client that stand before what the server says next.</summary>
    public byte[] Told { get; private set; } = [];

    public void Tell(byte[] bytes) => Told = Told.Length == 0 ? bytes : [.. Told, .. bytes];

    public byte[] TakeTold()
    {
        var told = Told;
        Told = [];
        return told;
    }

    /// <summary>Bytes of the agent's own for the server; empty for none. INVARIANT: set only while <see cref="MustWait"/> keeps the client's from following.</summary>
    public byte[] Reply { get; set; } = [];

    /// <summary>The client was told of an error that the server does not know of: nothing more until ReadyForQuery.</summary>
    public bool Muted { get; set; }

    /// <summary>The server ignores everything up to the next Sync, because of an error.</summary>
    public bool Skipping { get; set; }

    /// <summary>A COPY FROM STDIN was forwarded by Execute: whether what follows is data is not known before the server's answer.</summary>
    public bool AwaitsCopy { get; set; }

    /// <summary>An Execute was forwarded whose answer decides whether the unit may end well.</summary>
    public bool AwaitsCount { get; set; }

    /// <summary>The client sends COPY data.</summary>
    public bool CopyIn { get; set; }

    /// <summary>The server sends COPY data.</summary>
    public bool CopyOut { get; set; }

    /// <summary>Why one side must be told to go; null while all is well.</summary>
    public string? Broken { get; set; }

    /// <summary>Whether the break is the client's own doing.</summary>
    public bool BrokenByClient { get; set; }

    /// <summary>INVARIANT: at most one sync unit is ahead of its ReadyForQuery, so that a cut is exact: nothing unseen waits in a socket's buffer.</summary>
    public bool MustWait => AwaitsCopy || AwaitsCount || Unanswered.AllAwaited || (Unanswered.UnitEnds > 0 && !CopyIn) || Unanswered.Count >= PgUnanswered.Most;

    /// <summary>The client's COPY data is at its end, by its own word or the server's.</summary>
    public void EndCopyIn(string how)
    {
        CopyIn = false;
        var bytes = Copy.End(how);
        if (Unanswered.Count > 0)
        {
            Operations.Bytes(Unanswered[0].Op, bytes);
        }
    }

    /// <summary>The name changes of the first <paramref name="count"/> unanswered messages are taken back, the newest first.</summary>
    public void TakeBack(int count)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            ref var asked = ref Unanswered[i];
            if (asked.Name is not { } name)
            {
                continue;
            }
            if (asked.Ask == Ask.Parse || (asked.Ask == Ask.Close && !asked.IsPortal))
            {
                Names.SetStatement(name, asked.OldStatement);
            }
            else
            {
                Names.SetPortal(name, asked.OldPortal);
            }
        }
    }
}
