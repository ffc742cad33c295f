using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A statement's text with what is known of it.</summary>
/// <param name="In">Where it was resolved; null where no catalog matters.</param>
internal sealed record PgText(byte[] Text, StatementFacts Facts, PgKnowledge? In = null)
{
    private const string Changed = "the schema was changed in this transaction, and what names mean now cannot be read before it ends";

    /// <summary>It stands here because SQL's PREPARE ran: what runs under its name is the query in it, which changes no names.</summary>
    public bool IsPreparedBySql { get; init; }

    /// <summary>OIDs as Parse named them, in wire form; known where people must see them, empty otherwise.</summary>
    public byte[] ParameterTypes { get; init; } = [];

    /// <summary>The facts where names may mean something else by now, and nobody but this session can see what.</summary>
    public StatementFacts Unsure => field ??= Facts with
    {
        Opaque = Facts.Opaque ?? Changed,
        Lineage = Resolved.Lineage is { Code: not null } lineage ? lineage with { Unproven = lineage.Unproven ?? Changed } : Resolved.Lineage,
    };

    /// <summary>The facts where relations that no catalog knows are the session's own: they hold nothing that it could not see anyway.</summary>
    public StatementFacts Resolved => field ??= Facts with
    {
        Lineage = Facts.Lineage is { } lineage ? lineage with { Unresolved = [] } : null,
        Opaque = Facts.CallsUnknown ? null : Facts.Opaque, // functions that nobody knows: it fails
        CallsUnknown = false,
    };

    /// <summary>The facts where there may be more tables, columns and indexes than anybody but this session can see.</summary>
    public StatementFacts Added => field ??= Facts with { Lineage = Unsure.Lineage };
}

/// <param name="Op">The operation that Bind opened; 0 for a cursor that SQL declared.</param>
/// <param name="Executed">Its operation has been run: a further Execute is an operation of its own.</param>
/// <param name="Lasts">It outlives its transaction.</param>
internal readonly record struct PgPortal(PgText Text, long Op, bool Executed, bool Lasts)
{
    /// <summary>Its columns under masks, once the server has described them.</summary>
    public PgLayout? Layout { get; init; }

    /// <summary>What it was bound to, where people must see it; null where it need not be known, or is too much.</summary>
    public PgBound? Bound { get; init; }

    /// <summary>What came back of it so far, however often it is asked for more; null where that is not counted.</summary>
    public PgTaken? Taken { get; init; }

    /// <summary>People have let it run: what is fetched of it from then on is more of the same.</summary>
    public bool Released { get; init; }
}

/// <summary>What came back of one portal or cursor.</summary>
internal sealed class PgTaken
{
    public long Rows { get; set; }
    public long Bytes { get; set; }
}

/// <summary>
/// The session's names: prepared statements and portals, in one table for SQL's PREPARE and DECLARE and the protocol's Parse and Bind, because
/// the server keeps them in one. A name that the server knows and this table does not is refused; the other way round the server refuses it.
/// </summary>
internal sealed class PgNames
{
    public const int MostStatements = 1000;
    public const int MostPortals = 100;

    /// <summary>Of all named statements' texts together, in bytes.</summary>
    public const int MostTexts = 32 * 1024 * 1024;

    /// <summary>The server compares names by this many bytes, so that two longer ones could be one there and two here.</summary>
    public const int LongestName = 63;

    public static IEqualityComparer<byte[]> ByBytes { get; } = new NameComparer();
    private readonly Dictionary<byte[], PgText> statements = new(ByBytes);
    private readonly Dictionary<byte[], PgPortal> portals = new(ByBytes);
    private readonly Dictionary<byte[], PgText>.AlternateLookup<ReadOnlySpan<byte>> statementsBy;
    private readonly Dictionary<byte[], PgPortal>.AlternateLookup<ReadOnlySpan<byte>> portalsBy;
    private PgText? unnamedStatement;
    private PgPortal? unnamedPortal;
    private long texts;

    public PgNames()
    {
        statementsBy = statements.GetAlternateLookup<ReadOnlySpan<byte>>();
        portalsBy = portals.GetAlternateLookup<ReadOnlySpan<byte>>();
        Runs = new PgRuns(this);
    }

    /// <summary>What texts run by these names.</summary>
    public PgRuns Runs { get; }

    public PgText? Statement(ReadOnlySpan<byte> name) => name.IsEmpty ? unnamedStatement : statementsBy.TryGetValue(name, out var text) ? text : null;

    public PgPortal? Portal(ReadOnlySpan<byte> name) => name.IsEmpty ? unnamedPortal : portalsBy.TryGetValue(name, out var portal) ? portal : null;

    public bool HasRoomForStatement(ReadOnlySpan<byte> name, PgText text) =>
        name.IsEmpty || statementsBy.ContainsKey(name) || (statements.Count < MostStatements && texts + text.Text.Length <= MostTexts);

    public bool HasRoomForPortal(ReadOnlySpan<byte> name) => name.IsEmpty || portals.Count < MostPortals || portalsBy.ContainsKey(name);

    /// <param name="text">Null to forget the name.</param>
    public void SetStatement(ReadOnlySpan<byte> name, PgText? text)
    {
        if (name.IsEmpty)
        {
            unnamedStatement = text;
        }
        else
        {
            texts += (text?.Text.Length ?? 0) - (Statement(name)?.Text.Length ?? 0);
            if (text is null)
            {
                statementsBy.Remove(name);
            }
            else
            {
                statementsBy[name] = text;
            }
        }
    }

    /// <summary>Whether running it may change what names mean. EXECUTE runs whatever the protocol has prepared, DEALLOCATE among it.</summary>
    public bool MayBeChangedBy(PgText text) =>
        Changes(text.Facts) || (text.Facts.Has("execute") && statements.Values.Any(s => !s.IsPreparedBySql && Changes(s.Facts)));

    private static bool Changes(StatementFacts facts)
    {
        for (var i = 0; i < (facts.Names?.Count ?? 0); i++)
        {
            if (facts.Names![i].Action is not (NameAction.Execute or NameAction.Fetch))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The server has told what its names stand for: none stays here that stands for something else there.</summary>
    /// <param name="known">Of prepared statements the hash of the text, and whether SQL prepared them.</param>
    /// <param name="sent">A text as it went to the server.</param>
    public void Verify(
        IReadOnlyDictionary<string, (string Hash, bool BySql)> known, IReadOnlyDictionary<string, string> cursors, Func<PgText, byte[]> sent)
    {
        foreach (var (name, text) in statements.Where(s => !(known.TryGetValue(Encoding.UTF8.GetString(s.Key), out var there) &&
            there.BySql == s.Value.IsPreparedBySql && there.Hash == Hash(sent(s.Value)))).ToList())
        {
            SetStatement(name, null);
        }
        foreach (var (name, _) in portals.Where(p => !(cursors.TryGetValue(Encoding.UTF8.GetString(p.Key), out var there) && there == Hash(sent(p.Value.Text)))).ToList())
        {
            portals.Remove(name);
        }
    }

    private static string Hash(byte[] text) => Convert.ToHexStringLower(SHA256.HashData(text));

    /// <summary>The same text, read again.</summary>
    public void Replace(PgText old, PgText fresh)
    {
        foreach (var (name, text) in statements)
        {
            if (ReferenceEquals(text, old))
            {
                statements[name] = old.IsPreparedBySql ? fresh with { IsPreparedBySql = true } : fresh; // the same key: nothing moves
            }
        }
        foreach (var (name, portal) in portals)
        {
            if (ReferenceEquals(portal.Text, old))
            {
                portals[name] = portal with { Text = fresh };
            }
        }
    }

    /// <param name="portal">Null to forget the name.</param>
    public void SetPortal(ReadOnlySpan<byte> name, PgPortal? portal)
    {
        if (name.IsEmpty)
        {
            unnamedPortal = portal;
        }
        else if (portal is null)
        {
            portalsBy.Remove(name);
        }
        else
        {
            portalsBy[name] = portal.Value;
        }
    }

    /// <summary>The transaction is over: its portals are gone.</summary>
    public void EndTransaction()
    {
        unnamedPortal = null;
        if (portals.Count == 0)
        {
            return;
        }
        foreach (var name in portals.Where(p => !p.Value.Lasts).Select(p => p.Key).ToList())
        {
            portals.Remove(name);
        }
    }

    /// <summary>What a statement did to the names, once the server has done it.</summary>
    public void Apply(PgText text)
    {
        if (text.Facts.Has("execute") && MayBeChangedBy(text))
        {
            Forget(text);
        }
        foreach (var use in text.Facts.Names ?? [])
        {
            Apply(use, text);
        }
    }

    /// <summary>A text failed after some of its statements were done. PREPARE and DEALLOCATE are not rolled back, and which of them were reached is not
    /// known: the names are forgotten, so that none stands here for something else than at the server.</summary>
    public void Forget(PgText text)
    {
        if (text.Facts.Has("execute") && MayBeChangedBy(text))
        {
            ForgetStatements();
            portals.Clear();
        }
        foreach (var use in text.Facts.Names ?? [])
        {
            if (use.Action is NameAction.Execute or NameAction.Fetch)
            {
                continue;
            }
            var statement = use.Action is NameAction.Prepare or NameAction.Deallocate or NameAction.DiscardAll;
            Apply(new NameUse(statement ? NameAction.Deallocate : NameAction.Close, use.Name), text);
        }
    }

    private void ForgetStatements()
    {
        statements.Clear();
        texts = 0;
    }

    private void Apply(NameUse use, PgText text)
    {
        var name = use.Name is null ? null : Encoding.UTF8.GetBytes(use.Name);
        switch (use.Action)
        {
            case NameAction.Prepare when name is not null && HasRoomForStatement(name, text):
                SetStatement(name, text with { IsPreparedBySql = true });
                break;
            case NameAction.Declare when name is not null && HasRoomForPortal(name):
                portals[name] = new PgPortal(text, 0, false, use.Lasts) { Taken = new PgTaken() };
                break;
            case NameAction.Deallocate when name is not null:
                SetStatement(name, null);
                break;
            case NameAction.Deallocate:
                ForgetStatements();
                break;
            case NameAction.Close when name is not null:
                portals.Remove(name);
                break;
            case NameAction.Close:
                portals.Clear();
                break;
            case NameAction.DiscardAll:
                ForgetStatements();
                portals.Clear();
                break;
        }
    }

    private sealed class NameComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);
        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());
        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();
    }
}
