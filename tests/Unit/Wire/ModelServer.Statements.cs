using System.Globalization;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>What its statements do: to names, to transactions, and to what lasts.</summary>
internal sealed partial class ModelServer
{
    private static readonly string[] Known =
        ["select", "insert", "delete", "begin", "commit", "rollback", "prepare", "deallocate", "execute", "declare", "close", "fetch", "copy"];

    private readonly List<string> open = [];

    /// <summary>Tags of inserts that were committed.</summary>
    public List<string> Lasting { get; } = [];

    private void EndImplicit()
    {
        if (status == 'I')
        {
            Commit();
        }
    }

    private void Commit()
    {
        Lasting.AddRange(open);
        open.Clear();
        foreach (var (name, portal) in portals.ToList())
        {
            portal.IsOld = true;
            if (!portal.Holds)
            {
                portals.Remove(name);
            }
        }
    }

    private void Abort()
    {
        status = status == 'I' ? 'I' : 'E';
        open.Clear();
        foreach (var (name, portal) in portals.ToList())
        {
            if (!portal.Holds || !portal.IsOld)
            {
                portals.Remove(name);
            }
        }
    }

    private static void Analyse(string sql)
    {
        var verb = sql.Split(' ')[0];
        if (sql.Length > 0 && !Known.Contains(verb))
        {
            throw new Failure("42601", $"syntax error at or near \"{verb}\"");
        }
    }

    private void CheckStatus(string sql)
    {
        if (status == 'E' && sql is not ("commit" or "rollback" or ""))
        {
            throw new Failure("25P02", "current transaction is aborted");
        }
    }

    private void Run(Statement statement, bool ofQuery, bool inBlock)
    {
        if (statement.Sql.Length == 0)
        {
            Say(Frames.Answer('I'));
            return;
        }
        var tag = TagOf(statement, ofQuery, inBlock);
        if (tag is null)
        {
            return; // a copy has begun
        }
        Say(Frames.Complete(tag));
        if (tag.StartsWith("INSERT", StringComparison.Ordinal))
        {
            open.Add(tag);
        }
        if (!ofQuery)
        {
            Completed.Add(tag);
        }
    }

    private string? TagOf(Statement statement, bool ofQuery, bool inBlock)
    {
        var words = statement.Sql.Split(' ');
        switch (words[0])
        {
            case "select":
                return words[1].EndsWith("/0", StringComparison.Ordinal) ? throw new Failure("22012", "division by zero") : $"SELECT {words[1]}";
            case "insert":
                return $"INSERT 0 {words[^1].Trim('(', ')')}";
            case "delete":
                return $"DELETE {words[^1]}";
            case "begin":
                status = 'T';
                return "BEGIN";
            case "commit" or "rollback":
                var commits = words[0] == "commit" && status != 'E';
                if (commits)
                {
                    Commit();
                }
                else
                {
                    Abort();
                }
                status = 'I';
                return commits ? "COMMIT" : "ROLLBACK";
            case "execute":
                // what the protocol has prepared may be any statement, and runs
                var prepared = Find(words[1]);
                return prepared.Sql.Split(' ')[0] is "execute" or "copy" or ""
                    ? throw new Failure("0A000", "not supported here")
                    : TagOf(prepared, ofQuery, inBlock);
            case "copy":
                return BeginCopy(words[^1] == "stdin", ofQuery);
            default:
                return OfNames(statement, words, inBlock);
        }
    }

    private string OfNames(Statement statement, string[] words, bool inBlock)
    {
        switch (words[0])
        {
            case "prepare" when !statements.TryAdd(words[1], new Statement(statement.Source, After(statement.Sql, " as "))):
                throw new Failure("42P05", "exists");
            case "deallocate" when words[1] == "all":
                statements.Clear();
                return "DEALLOCATE ALL";
            case "deallocate":
                Find(words[1]);
                statements.Remove(words[1]);
                break;
            case "declare":
                var holds = statement.Sql.Contains("with hold", StringComparison.Ordinal);
                if (!holds && status == 'I' && !inBlock)
                {
                    throw new Failure("25P01", "only in transaction blocks");
                }
                if (!portals.TryAdd(words[1], new Portal(new Statement(statement.Source, After(statement.Sql, " for "))) { Holds = holds }))
                {
                    throw new Failure("42P03", "exists");
                }
                return "DECLARE CURSOR";
            case "close" when words[1] == "all":
                portals.Clear();
                return "CLOSE CURSOR ALL";
            case "close":
                FindPortal(words[1]);
                portals.Remove(words[1]);
                return "CLOSE CURSOR";
            case "fetch":
                FindPortal(words[1]);
                return "FETCH 1";
        }
        return words[0].ToUpper(CultureInfo.InvariantCulture);
    }

    private static string After(string sql, string mark) => sql[(sql.IndexOf(mark, StringComparison.Ordinal) + mark.Length)..];
}
