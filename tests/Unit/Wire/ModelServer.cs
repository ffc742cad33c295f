using System.Runtime.InteropServices;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>
/// As much of PostgreSQL's session as the agent must agree with: names and portals in one table for SQL and the protocol, compared by their first 63
/// bytes; transactions; skipping up to Sync; COPY; and answers that stay in the buffer until Sync, Flush or an error. Statements are a few fixed
/// forms, each with a number of its own that comes back in its tag: `select 7` answers `SELECT 7`.
/// </summary>
internal sealed partial class ModelServer
{
    private sealed record Statement(string Source, string Sql);

    private sealed class Portal(Statement statement)
    {
        public Statement Statement { get; } = statement;
        public bool Holds { get; init; }
        public bool IsOld { get; set; }
        public int RowsLeft { get; set; } = 3;
        public bool IsDone { get; set; }
    }

    private sealed class Failure(string code, string message) : Exception(message)
    {
        public string Code { get; } = code;
    }

    private readonly Dictionary<string, Statement> statements = [];
    private readonly Dictionary<string, Portal> portals = [];
    private readonly List<byte> pending = [];
    private readonly List<byte> output = [];
    private int flushed;
    private char status = 'I';
    private bool skipping;
    private string? copying;
    private bool copyOfQuery;

    /// <summary>Tags of what Execute has completed, in order.</summary>
    public List<string> Completed { get; } = [];

    public bool HasEnded { get; private set; }

    /// <summary>The transaction's status.</summary>
    public char Status => status;

    /// <summary>Answers that have left the buffer.</summary>
    public byte[] Take()
    {
        var taken = output[..flushed].ToArray();
        output.RemoveRange(0, flushed);
        flushed = 0;
        return taken;
    }

    public void Receive(ReadOnlySpan<byte> bytes)
    {
        pending.AddRange(bytes);
        while (!HasEnded && pending.Count >= PgFrame.Header && PgFrame.LengthAt(CollectionsMarshal.AsSpan(pending)) is var length && pending.Count > length)
        {
            var (type, body) = ((char)pending[0], pending[PgFrame.Header..(length + 1)].ToArray());
            pending.RemoveRange(0, length + 1);
            Message(type, body);
        }
    }

    private void Message(char type, byte[] body)
    {
        try
        {
            if (copying is not null)
            {
                Copy(type, body);
            }
            else if (type == 'X')
            {
                HasEnded = true;
            }
            else if (type is not ('d' or 'c' or 'f') && (!skipping || type == 'S'))
            {
                Ordinary(type, body);
            }
        }
        catch (Failure failure)
        {
            Fail(failure, type == 'Q' || (copying is not null && copyOfQuery));
        }
    }

    private void Fail(Failure failure, bool isQuery)
    {
        copying = null;
        Say(Frames.Error(failure.Code, failure.Message));
        Abort();
        if (isQuery)
        {
            Ready();
        }
        skipping = !isQuery;
        flushed = output.Count;
    }

    private void Ordinary(char type, byte[] body)
    {
        var texts = Encoding.UTF8.GetString(body).Split('\0');
        switch (type)
        {
            case 'Q':
                Query(texts[0]);
                break;
            case 'P':
                Parse(Cut(texts[0]), texts[1]);
                break;
            case 'B':
                Bind(Cut(texts[0]), Cut(texts[1]));
                break;
            case 'D':
                Describe(texts[0][0], Cut(texts[0][1..]));
                break;
            case 'E':
                Execute(Cut(texts[0]), body[^1]);
                break;
            case 'C':
                _ = texts[0][0] == 'S' ? statements.Remove(Cut(texts[0][1..])) : portals.Remove(Cut(texts[0][1..]));
                Say(Frames.Answer('3'));
                break;
            case 'H':
                flushed = output.Count;
                break;
            case 'S':
                skipping = false;
                EndImplicit();
                Ready();
                break;
        }
    }

    private static string Cut(string name) => name.Length <= 63 ? name : name[..63];

    private void Say(byte[] message) => output.AddRange(message);

    private void Ready()
    {
        Say(Frames.Ready(status));
        flushed = output.Count;
    }

    private void Parse(string name, string sql)
    {
        if (name.Length == 0)
        {
            statements.Remove(name);
        }
        Analyse(sql);
        CheckStatus(sql);
        if (statements.ContainsKey(name))
        {
            throw new Failure("42P05", "exists");
        }
        statements[name] = new Statement(sql, sql);
        Say(Frames.Answer('1'));
    }

    private void Bind(string portal, string name)
    {
        var statement = Find(name);
        CheckStatus(statement.Sql);
        if (portal.Length > 0 && portals.ContainsKey(portal))
        {
            throw new Failure("42P03", "exists");
        }
        portals[portal] = new Portal(statement);
        Say(Frames.Answer('2'));
    }

    private Statement Find(string name) => statements.GetValueOrDefault(name) ?? throw new Failure("26000", $"prepared statement \"{name}\" does not exist");

    private Portal FindPortal(string name) => portals.GetValueOrDefault(name) ?? throw new Failure("34000", "no such portal");

    private void Describe(char kind, string name)
    {
        var sql = kind == 'S' ? Find(name).Sql : FindPortal(name).Statement.Sql;
        if (kind == 'S')
        {
            Say(Frames.Answer('t', 0, 0));
        }
        Say(sql.StartsWith("select", StringComparison.Ordinal) ? Frames.Answer('T', 0, 0) : Frames.Answer('n'));
    }

    private void Execute(string name, int rows)
    {
        var portal = FindPortal(name);
        var sql = portal.Statement.Sql;
        CheckStatus(sql);
        if (sql.StartsWith("select", StringComparison.Ordinal) && !sql.EndsWith("/0", StringComparison.Ordinal))
        {
            for (var given = 0; portal.RowsLeft > 0; given++, portal.RowsLeft--)
            {
                if (rows > 0 && given == rows)
                {
                    Say(Frames.Answer('s'));
                    return;
                }
                Say(Frames.Answer('D', 0, 0));
            }
        }
        else if (portal.IsDone)
        {
            throw new Failure("55000", "portal cannot be run");
        }
        portal.IsDone = true;
        Run(portal.Statement, ofQuery: false, inBlock: false);
    }

    private void Query(string sql)
    {
        statements.Remove("");
        portals.Remove("");
        var parts = sql.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        foreach (var part in parts)
        {
            Analyse(part);
        }
        if (parts.Length == 0)
        {
            Say(Frames.Answer('I'));
        }
        foreach (var part in parts)
        {
            CheckStatus(part);
            if (part.StartsWith("select", StringComparison.Ordinal) && !part.EndsWith("/0", StringComparison.Ordinal))
            {
                Say(Frames.Answer('T', 0, 0));
                Say(Frames.Answer('D', 0, 0));
            }
            Run(new Statement(sql, part), ofQuery: true, inBlock: parts.Length > 1);
        }
        if (copying is null)
        {
            EndImplicit();
            Ready();
        }
    }

    private string? BeginCopy(bool copyIn, bool ofQuery)
    {
        if (copyIn)
        {
            (copying, copyOfQuery) = ("", ofQuery);
            Say(Frames.Answer('G', 0, 0, 0));
            flushed = output.Count;
            return null;
        }
        Say(Frames.Answer('H', 0, 0, 0));
        Say(Frames.CopyData("1\n"));
        Say(Frames.CopyDone);
        return "COPY 1";
    }

    private void Copy(char type, byte[] body)
    {
        switch (type)
        {
            case 'd' when Encoding.UTF8.GetString(body) == "bad":
                throw new Failure("22P04", "bad copy data");
            case 'f':
                throw new Failure("57014", "COPY from stdin failed");
            case 'c':
                copying = null;
                Say(Frames.Complete("COPY 1"));
                if (copyOfQuery)
                {
                    EndImplicit();
                    Ready();
                }
                else
                {
                    Completed.Add("COPY 1");
                }
                break;
            case not ('d' or 'H' or 'S'):
                HasEnded = true;
                Say(Frames.Error("08P01", "unexpected message during copy", "FATAL"));
                flushed = output.Count;
                break;
        }
    }
}
