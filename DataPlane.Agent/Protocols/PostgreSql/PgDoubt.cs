using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// After code has run that nobody could read, the session may not be any more what its statements are judged by: another role, another search path, other
/// statements behind the names that it prepared. The server is asked before anything else of the client is looked at: at the end of the sync unit before
/// its ReadyForQuery passes, and in the middle of one before the next message. What changed that must not ends the session; names that stand for something
/// else are forgotten; in an open transaction a schema that is as it was known is taken for that. A failed transaction cannot be asked, and takes
/// nothing but its own end.
/// </summary>
internal sealed class PgDoubt(PgState state)
{
    /// <summary>A client may cancel the question outside of a transaction, where nothing of its own is undone by that.</summary>
    private const int MostTries = 3;

    private const int LongestRow = 32 * 1024;
    private const int MostRows = 4096;

    /// <summary>In rows of JSON: what it is, and its parts.</summary>
    private static readonly string Seen =
        $"""
        select pg_catalog.json_build_array('setting', name, setting) from pg_catalog.pg_settings
          where source operator(pg_catalog.=) 'session' and (reset_val is null or setting operator(pg_catalog.<>) reset_val)
        union all select pg_catalog.json_build_array('statement', name, {HashOf("statement")}, from_sql) from pg_catalog.pg_prepared_statements
        union all select pg_catalog.json_build_array('cursor', name, {HashOf("statement")}) from pg_catalog.pg_cursors
        union all select pg_catalog.json_build_array('session', pg_catalog.current_setting('search_path'), session_user, current_user,
        """;

    private readonly string name = $"accessplane_{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
    private bool transaction;
    private bool onlyReads;
    private int tries;
    private readonly List<JsonElement> said = [];

    /// <summary>Something ran that could not be read, and nobody has looked since.</summary>
    public bool IsOpen { get; private set; }

    private static string HashOf(string text) => $"pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to({text}, 'UTF8')), 'hex')";

    /// <summary>A statement is forwarded. What waits for the end of the transaction, a deferred trigger, runs there, or where it is told to.</summary>
    public void Forwarded(StatementFacts facts, Ruling ruling)
    {
        if (facts.Opaque is not null)
        {
            (IsOpen, transaction) = (true, true);
            onlyReads |= ruling.Context?.Scope.OnlyReads == true;
        }
        IsOpen |= transaction && facts.Has("set");
    }

    /// <summary>Why a statement cannot be judged yet: the transaction has failed, and the server would not run it either.</summary>
    public PgRefusal? WhyNot(StatementFacts facts) =>
        IsOpen && state.Transaction == 'E' && !(facts.Statements == 1 && facts.Kinds is ["transaction"])
            ? new PgRefusal("25P02", "current transaction is aborted, commands ignored until end of transaction block", null, null)
            : null;

    /// <summary>ReadyForQuery has come.</summary>
    /// <returns>Whether the server must be asked before the client has it.</returns>
    public bool MustAsk(byte status)
    {
        if (status == 'E')
        {
            return false;
        }
        var must = IsOpen || (transaction && status == 'I');
        transaction &= status != 'I';
        return IsOpen = must;
    }

    /// <summary>The question as a unit of its own.</summary>
    public byte[] AskAlone()
    {
        said.Clear();
        tries++;
        state.Unanswered.Add(Ask.Query).IsLook = true;
        return PgFrame.OfTexts('Q', Question);
    }

    /// <summary>The question in the middle of a unit: under names that nobody else has.</summary>
    public byte[] AskWithin()
    {
        said.Clear();
        foreach (var ask in (ReadOnlySpan<Ask>)[Ask.Parse, Ask.Bind, Ask.Execute, Ask.Close, Ask.Close])
        {
            state.Unanswered.Add(ask).IsLook = true;
        }
        state.Unanswered.AwaitAll();
        var own = Encoding.ASCII.GetBytes(name);
        return
        [
            .. PgFrame.Of('P', [.. own, 0, .. Encoding.ASCII.GetBytes(Question), 0, 0, 0]), .. PgFrame.Of('B', [.. own, 0, .. own, 0, 0, 0, 0, 0, 0, 0]),
            .. PgFrame.Of('E', [.. own, 0, 0, 0, 0, 0]), .. PgFrame.Of('C', [(byte)'P', .. own, 0]), .. PgFrame.Of('C', [(byte)'S', .. own, 0]), .. PgFrame.Flush,
        ];
    }

    private string Question => $"{Seen} {(state.Transaction == 'I' && !state.UnitHasRun ? "null" : $"({PgCatalogSql.Parts})")})";

    /// <summary>What the server says to the question.</summary>
    public Fit Answers(ReadOnlySpan<byte> frame, int length)
    {
        var type = (char)frame[0];
        var asked = state.Unanswered[0].Ask;
        switch (type)
        {
            case 'D' when asked is Ask.Query or Ask.Execute && length <= LongestRow && said.Count < MostRows:
                if (frame.Length <= length)
                {
                    return Fit.Incomplete;
                }
                return Hear(new PgReader(frame[PgFrame.Header..(length + 1)])) ? Fit.Drops : Fit.Misfit;
            case 'T' when asked == Ask.Query:
                return Fit.Drops;
            case 'C' when asked == Ask.Query:
                return Looks() ? Fit.Drops : Fit.Misfit;
            case 'C' when asked == Ask.Execute:
                state.Unanswered.RemoveFirst();
                return Looks() ? Fit.Drops : Fit.Misfit;
            case '1' when asked == Ask.Parse:
            case '2' when asked == Ask.Bind:
            case '3' when asked == Ask.Close:
                state.Unanswered.RemoveFirst();
                return Fit.Drops;
            default:
                return Fit.Misfit;
        }
    }

    /// <summary>ReadyForQuery of the question itself.</summary>
    /// <param name="again">What to ask; empty where that is over.</param>
    public bool Ready(byte status, out byte[] again)
    {
        again = [];
        state.Unanswered.RemoveFirst();
        if (IsOpen && status == 'I')
        {
            if (tries >= MostTries)
            {
                state.Broken ??= "what the session has become by code that cannot be read could not be looked at";
                return false;
            }
            again = AskAlone();
            return true;
        }
        tries = 0;
        state.Transaction = status;
        return true;
    }

    private bool Hear(PgReader row)
    {
        if (row.Count() != 1)
        {
            return false;
        }
        var text = row.Bytes(row.Int32()).ToArray();
        if (!row.Exact)
        {
            return false;
        }
        using var json = JsonDocument.Parse(text);
        said.Add(json.RootElement.Clone());
        return true;
    }

    private IEnumerable<JsonElement> Said(string what) => said.Where(s => s[0].GetString() == what);

    private bool Looks()
    {
        if (Said("session").ToList() is not [var session])
        {
            return false;
        }
        IsOpen = false;
        if (WhyLost(session) is { } why)
        {
            state.Broken ??= $"{why}, and the session's statements can no longer be judged by what they do";
            return false;
        }
        state.Names.Verify(
            Said("statement").ToDictionary(s => s[1].GetString()!, s => (s[2].GetString()!, s[3].GetBoolean())),
            Said("cursor").ToDictionary(c => c[1].GetString()!, c => c[2].GetString()!), text => state.Views?.Of(text) ?? text.Text);
        state.Sight.Looked(session[4].GetString());
        return true;
    }

    private string? WhyLost(JsonElement session)
    {
        var (login, acts) = (session[2].GetString(), session[3].GetString());
        return
            !state.Sight.IsPinned(session[1].GetString()!) ? "code that cannot be read changed the search path" :
            login != acts && (login != state.Catalog.Login || acts != state.Catalog.ActsAs) ? "code that cannot be read changed the role" :
            Said("setting").Where(IsLost).Select(s => $"code that cannot be read changed the setting `{s[1].GetString()}`").FirstOrDefault();
    }

    private bool IsLost(JsonElement setting)
    {
        var name = setting[1].GetString()!;
        return name != "search_path" && (PgSettings.WhyNotSet(name, setting[2].GetString(), out var asksForWrites) is not null || (asksForWrites && onlyReads));
    }
}
