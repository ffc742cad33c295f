using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// What a session's texts mean, in the catalog as it is now. A text that was judged in an older one is read again; after a change of the schema by this
/// session the next statement waits for the catalog, and within the transaction that made it nothing is sure.
/// </summary>
/// <param name="searchPath">The login's own, as it is set; null for the database's.</param>
internal sealed class PgSight(PgDatabase database, PgNames names, TimeProvider clock, string? searchPath = null)
{
    private const int MostJoined = 256;

    /// <summary>So many texts that could not be read in time, and the session's next ones are not tried for a while: they keep others waiting.</summary>
    private const int MostSlow = 3;
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly Dictionary<(StatementFacts Facts, PgText Runs), StatementFacts> joined = [];
    private readonly HashSet<byte[]> lookedAgain = new(PgNames.ByBytes);
    private byte[]? justLooked;
    private PgText? read;
    private bool missed;
    private PgText? readToRun;
    private PgText? unreadable;
    private byte[]? wanted;
    private Changes changes;

    /// <summary>The session has made something: a temporary table is in no catalog as long as it lives, and may bear the name of one that is.</summary>
    private bool hasMade;
    private bool mustRefresh;
    private int slow;
    private long restsUntil;

    /// <summary>What this session's transaction has changed in what texts are read by.</summary>
    private enum Changes { None, Additions, Meanings }

    private bool Changed => changes != Changes.None;

    public PgCatalog Catalog => database.Known.Catalog;

    /// <summary>What is known of a text; null when it must be read first.</summary>
    public PgText? Find(ReadOnlySpan<byte> text)
    {
        if (mustRefresh)
        {
            return unreadable is { } none && text.SequenceEqual(none.Text) ? none : null;
        }
        // INVARIANT: facts belong to these bytes in this catalog, whatever was read last
        var known = database.Known;
        var found = Is(read, text, known) ? read : Is(readToRun, text, known) ? readToRun : known.Find(text);
        missed = found is not null && Misses(found);
        return missed ? null : found;
    }

    /// <summary>Relations and functions that the catalog does not know are looked for again whenever a text that names them is judged: what is unknown then
    /// is the session's own, or nobody's.</summary>
    public bool LooksAgain { get; set; }

    private bool Misses(PgText text) => !Changed && (text.Facts.CallsUnknown || (LooksAgain && text.Facts.Lineage is { Unresolved.Count: > 0 })) &&
        !(justLooked is { } looked && looked.AsSpan().SequenceEqual(text.Text));

    private static bool Is(PgText? read, ReadOnlySpan<byte> text, PgKnowledge known) =>
        read is not null && ReferenceEquals(read.In, known) && text.SequenceEqual(read.Text);

    /// <summary>The same text as it is to be understood now; null when it must be read again first.</summary>
    public PgText? Fresh(PgText text)
    {
        if (!mustRefresh && (text.In is null || ReferenceEquals(text.In, database.Known)))
        {
            if (Misses(text))
            {
                (missed, wanted) = (true, text.Text);
                return null;
            }
            return Runs(text) ? text : null;
        }
        if (Find(text.Text) is { } fresh)
        {
            return Runs(fresh) ? (text.ParameterTypes.Length == 0 ? fresh : fresh with { ParameterTypes = text.ParameterTypes }) : null;
        }
        wanted = text.Text;
        return null;
    }

    /// <summary>Also what it runs must be understood as of now.</summary>
    private bool Runs(PgText text)
    {
        foreach (var (_, runs) in names.Runs.Of(text))
        {
            if (runs.In is not { } resolved || ReferenceEquals(resolved, database.Known))
            {
                continue;
            }
            if (Find(runs.Text) is { } fresh)
            {
                names.Replace(runs, fresh);
                continue;
            }
            wanted = runs.Text;
            return false;
        }
        return true;
    }

    /// <summary>It was judged: an idle session keeps no text.</summary>
    public void Forget()
    {
        read = readToRun = unreadable = null;
        justLooked = null;
    }

    /// <summary>What a text does: with what it executes or fetches by name, and with what this transaction has changed in mind.</summary>
    public StatementFacts FactsOf(PgText text)
    {
        var facts = IsSure(text.Facts) ? text.Facts : AsOfNow(text);
        var runs = names.Runs.Of(text);
        for (var i = 0; i < runs.Count; i++)
        {
            facts = Join(facts, runs[i].Text);
        }
        return facts;
    }

    /// <summary>It, or what it runs, may name relations that no catalog has.</summary>
    public bool NamesItsOwn(PgText text)
    {
        var own = hasMade || HasUnknown(text);
        var runs = names.Runs.Of(text);
        for (var i = 0; i < runs.Count && !own; i++)
        {
            own = HasUnknown(runs[i].Text);
        }
        return own;
    }

    private static bool HasUnknown(PgText text) => text.Facts.Lineage is { Unresolved.Count: > 0 };

    private StatementFacts AsOfNow(PgText text) => changes switch
    {
        Changes.Meanings => text.Unsure,
        Changes.Additions => text.Added,
        _ => lookedAgain.Contains(text.Text) ? text.Resolved : text.Facts,
    };

    /// <summary>What only ends a transaction, shows or sets does not depend on names.</summary>
    private static bool IsSure(StatementFacts facts)
    {
        for (var i = 0; i < facts.Kinds.Count; i++)
        {
            if (facts.Kinds[i] is "execute" or "fetch" or "prepare" or "declare" || !StatementKinds.AlwaysWithinScope.Contains(facts.Kinds[i]))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>What a text runs by name and this session has not made: it cannot be judged, and so not be run. Null where there is none.</summary>
    public NameUse? Missing(PgText text)
    {
        names.Runs.Of(text, out var missing);
        return missing;
    }

    private StatementFacts Join(StatementFacts facts, PgText runs)
    {
        if (joined.TryGetValue((facts, runs), out var known) && !Changed)
        {
            return known;
        }
        if (joined.Count == MostJoined)
        {
            joined.Clear();
        }
        var both = PgJoined.Of(facts, AsOfNow(runs), runs.Text);
        return Changed ? both : joined[(facts, runs)] = both;
    }

    /// <summary>It goes to the server: from now on, and until its transaction is over, what it changes is seen by this session alone.</summary>
    public void Forwarded(PgText text)
    {
        var facts = FactsOf(text);
        var more = facts.Redefines || facts.Opaque is not null ? Changes.Meanings : facts.ChangesSchema ? Changes.Additions : Changes.None;
        changes = more > changes ? more : changes;
        hasMade |= more != Changes.None || facts.Kinds.Contains("create");
        justLooked = null;
    }

    /// <summary>The session itself was asked what its schema is: where it is as it is known, nothing was changed.</summary>
    public void Looked(string? fingerprint) =>
        changes = fingerprint is not null && fingerprint == database.Known.Fingerprint ? Changes.None : changes;

    /// <summary>What is known of the schema may be old: the next text waits for a new look at it.</summary>
    public void LookAgain() => mustRefresh = true;

    /// <summary>What was looked for in vain may be there by the next unit, even if this one was never run.</summary>
    public void UnitEnded() => justLooked = null;

    /// <summary>No transaction is open: what was changed is there for all to see, or for nobody.</summary>
    public void TransactionEnded()
    {
        if (Changed)
        {
            (changes, mustRefresh) = (Changes.None, true);
            joined.Clear();
            database.Touch();
        }
    }

    /// <summary>Servers that report the search path tell when something else than a statement changed it.</summary>
    public bool IsPinned(string now) =>
        (searchPath ?? database.Known.Catalog.PathSetting) is { } own && PgSettings.Schemas(own).SequenceEqual(PgSettings.Schemas(now));

    /// <summary>What must be done before a statement is judged: the catalog, and the text of the message or of a name in it.</summary>
    /// <param name="text">Of the message; empty where it has none.</param>
    public ValueTask Prepare(ReadOnlyMemory<byte> text)
    {
        var target = wanted ?? text;
        var isToRun = wanted is not null;
        wanted = null;
        if (mustRefresh || missed)
        {
            return RefreshAndRead(target, isToRun);
        }
        if (restsUntil > clock.GetTimestamp())
        {
            Keep(new PgText(target.ToArray(), StatementFacts.NotUnderstood("the session's last texts took too long to be read: try again in a minute"), database.Known), isToRun);
            return default;
        }
        if (database.Known.ReadSmall(target.Span) is { } small)
        {
            Keep(small, isToRun);
            return default;
        }
        return Read(target, isToRun);
    }

    private void Keep(PgText text, bool isToRun) => (read, readToRun) = isToRun ? (read, text) : (text, readToRun);

    private async ValueTask RefreshAndRead(ReadOnlyMemory<byte> text, bool isToRun)
    {
        try
        {
            await database.Refresh(CancellationToken.None);
            mustRefresh = false;
        }
        catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException or ObjectDisposedException or PgStop or PgUnreachable)
        {
            // the old catalog is no truth any more; the next statement tries again
            mustRefresh = true;
            unreadable = new PgText(text.ToArray(), StatementFacts.NotUnderstood("the schema was changed, and the database's catalog cannot be read again: try again"));
            return;
        }
        if (database.Known.ReadSmall(text.Span) is { } small)
        {
            Keep(small, isToRun);
        }
        else
        {
            await Read(text, isToRun);
        }
        if (missed && (isToRun ? readToRun : read) is { } again)
        {
            missed = false;
            if (lookedAgain.Count == MostJoined)
            {
                lookedAgain.Clear();
            }
            lookedAgain.Add(again.Text);
            justLooked = again.Text;
        }
    }

    private async ValueTask Read(ReadOnlyMemory<byte> text, bool isToRun)
    {
        var found = await database.Known.Read(text);
        Keep(found, isToRun);
        slow = found.Facts.Unknown == PgParser.TooSlow ? slow + 1 : 0;
        if (slow == MostSlow)
        {
            slow = 0;
            restsUntil = clock.GetTimestamp() + (long)(Rest.TotalSeconds * clock.TimestampFrequency);
        }
    }
}
