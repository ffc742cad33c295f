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

    private readonly Dictionary<(PgText Text, PgText Runs), StatementFacts> joined = [];
    private readonly HashSet<byte[]> lookedAgain = new(PgNames.ByBytes);
    private byte[]? justLooked;
    private PgText? read;
    private bool missed;
    private PgText? readToRun;
    private PgText? unreadable;
    private byte[]? wanted;
    private bool changed;
    private bool mustRefresh;
    private int slow;
    private long restsUntil;

    public PgCatalog Catalog => database.Known.Catalog;

    /// <summary>What is known of a text; null when it must be read first.</summary>
    public PgText? Find(ReadOnlySpan<byte> text)
    {
        if (mustRefresh)
        {
            return unreadable is { } none && text.SequenceEqual(none.Text) ? none : null;
        }
        // INVARIANT: facts belong to exactly these bytes in this catalog, whatever was read last
        var known = database.Known;
        var found = Is(read, text, known) ? read : Is(readToRun, text, known) ? readToRun : known.Cache.Find(text);
        missed = found is not null && Misses(found);
        return missed ? null : found;
    }

    /// <summary>Relations and functions that the catalog does not know are looked for again whenever a text that names them is judged: what is unknown then
    /// is the session's own, or nobody's.</summary>
    public bool LooksAgain { get; set; }

    private bool Misses(PgText text) => LooksAgain && !changed && text.Facts.Lineage is { Unresolved.Count: > 0 } &&
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
        for (var i = 0; i < (text.Facts.Names?.Count ?? 0); i++)
        {
            if (Named(text.Facts.Names![i]) is not { In: { } resolved } runs || ReferenceEquals(resolved, database.Known))
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

    private PgText? Named(NameUse use) => use.Name is not { } name ? null : use.Action switch
    {
        NameAction.Execute => names.Statement(System.Text.Encoding.UTF8.GetBytes(name)),
        NameAction.Fetch => names.Portal(System.Text.Encoding.UTF8.GetBytes(name))?.Text,
        _ => null,
    };

    /// <summary>It was judged: an idle session keeps no text.</summary>
    public void Forget()
    {
        read = readToRun = unreadable = null;
        justLooked = null;
    }

    /// <summary>What a text does: with what it executes or fetches by name, and with what this transaction has changed in mind.</summary>
    public StatementFacts FactsOf(PgText text)
    {
        var facts = changed && !IsSure(text.Facts) ? text.Unsure : lookedAgain.Contains(text.Text) ? text.Resolved : text.Facts;
        for (var i = 0; i < (facts.Names?.Count ?? 0); i++)
        {
            var use = facts.Names![i];
            if (use.Action is NameAction.Execute or NameAction.Fetch && !IsMadeBefore(facts.Names, i))
            {
                facts = Named(use) is { } runs ? Join(text, facts, runs) : facts; // a name that is not there runs nothing
            }
        }
        return facts;
    }

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

    private static bool IsMadeBefore(IReadOnlyList<NameUse> uses, int at)
    {
        for (var i = 0; i < at; i++)
        {
            if (uses[i].Name == uses[at].Name && uses[i].Action == (uses[at].Action == NameAction.Execute ? NameAction.Prepare : NameAction.Declare))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>What a text runs by name and this session has not made: it cannot be judged, and so not be run. Null where there is none.</summary>
    public NameUse? Missing(PgText text)
    {
        for (var i = 0; i < (text.Facts.Names?.Count ?? 0); i++)
        {
            var use = text.Facts.Names![i];
            if (use.Action is NameAction.Execute or NameAction.Fetch && !IsMadeBefore(text.Facts.Names, i) && Named(use) is null)
            {
                return use;
            }
        }
        return null;
    }

    private StatementFacts Join(PgText text, StatementFacts facts, PgText runs)
    {
        if (joined.TryGetValue((text, runs), out var known) && !changed)
        {
            return known;
        }
        if (joined.Count == MostJoined)
        {
            joined.Clear();
        }
        var other = changed ? runs.Unsure : lookedAgain.Contains(runs.Text) ? runs.Resolved : runs.Facts;
        var both = facts with
        {
            Kinds = [.. facts.Kinds.Union(other.Kinds)],
            Unknown = facts.Unknown ?? other.Unknown,
            Refused = facts.Refused ?? other.Refused,
            AsksForWrites = facts.AsksForWrites || other.AsksForWrites,
            Relations = [.. facts.Relations.Concat(other.Relations).GroupBy(r => r.Name).Select(g => new RelationUse(g.Key, g.Aggregate(default(RelationAccess), (a, r) => a | r.Access)))],
            Columns = [.. facts.Columns.Union(other.Columns)],
            Functions = [.. facts.Functions.Union(other.Functions)],
            Unbounded = facts.Unbounded || other.Unbounded,
            Opaque = facts.Opaque ?? other.Opaque,
            ChangesSchema = facts.ChangesSchema || other.ChangesSchema,
            Outputs = facts.Statements == 1 && other.Statements == 1 ? other.Outputs : null,
            Lineage = facts.Lineage is { } own && other.Lineage is { } its ? own.Running(its) : null,
        };
        return changed ? both : joined[(text, runs)] = both;
    }

    /// <summary>It goes to the server: from now on, and until its transaction is over, what it changes is seen by this session alone.</summary>
    public void Forwarded(PgText text)
    {
        changed |= MayChange(FactsOf(text));
        justLooked = null;
    }

    private static bool MayChange(StatementFacts facts) => facts.ChangesSchema || (facts.Opaque is not null && (facts.Has("do") || facts.Has("call")));

    /// <summary>No transaction is open: what was changed is there for all to see, or for nobody.</summary>
    public void TransactionEnded()
    {
        if (changed)
        {
            (changed, mustRefresh) = (false, true);
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
        await Read(text, isToRun);
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
