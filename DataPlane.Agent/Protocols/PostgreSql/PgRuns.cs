using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A text that another one runs by its name.</summary>
internal readonly record struct PgRun(string Name, PgText Text);

/// <summary>What a text runs by name. What the protocol has prepared may be an EXECUTE itself, and so on: all of it runs.</summary>
internal sealed class PgRuns(PgNames names)
{
    /// <summary>All of them, each once: what runs itself does nothing more.</summary>
    public IReadOnlyList<PgRun> Of(PgText text) => Of(text, out _);

    /// <param name="missing">The first name that is not there.</param>
    public IReadOnlyList<PgRun> Of(PgText text, out NameUse? missing)
    {
        missing = null;
        if (text.Facts.Names is not { Count: > 0 })
        {
            return [];
        }
        var (found, open, seen) = (new List<PgRun>(), new Stack<PgText>([text]), new HashSet<(NameAction, string)>());
        while (open.TryPop(out var next))
        {
            Follow(next, found, open, seen, ref missing);
        }
        return found;
    }

    private void Follow(PgText text, List<PgRun> found, Stack<PgText> open, HashSet<(NameAction, string)> seen, ref NameUse? missing)
    {
        for (var i = 0; i < (text.Facts.Names?.Count ?? 0); i++)
        {
            var use = text.Facts.Names![i];
            if (use.Action is not (NameAction.Execute or NameAction.Fetch) || IsMadeBefore(text.Facts.Names, i))
            {
                continue;
            }
            if (Named(use, out var runsOthers) is not { } runs)
            {
                missing ??= use;
                continue;
            }
            if (seen.Add((use.Action, use.Name!)))
            {
                found.Add(new PgRun(use.Name!, runs));
                if (runsOthers)
                {
                    open.Push(runs);
                }
            }
        }
    }

    /// <param name="runsOthers">SQL's PREPARE and DECLARE stand for a query alone, whatever else their text says.</param>
    private PgText? Named(NameUse use, out bool runsOthers)
    {
        runsOthers = false;
        if (use.Name is null)
        {
            return null;
        }
        var name = Encoding.UTF8.GetBytes(use.Name);
        if (use.Action == NameAction.Fetch)
        {
            var portal = names.Portal(name);
            runsOthers = portal is { Op: not 0 };
            return portal?.Text;
        }
        var statement = names.Statement(name);
        runsOthers = statement is { IsPreparedBySql: false };
        return statement;
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
}
