namespace AccessPlane.Contracts.Sql;

/// <summary>WITH: queries that go by a name, and those that feed themselves.</summary>
public sealed partial class PgLineage
{
    private const int MostRounds = 12;

    private void With(PgNode with, PgLevel scope)
    {
        if (!with.Exists)
        {
            return;
        }
        var recursive = with["recursive"u8].IsTrue;
        var all = Items(with["ctes"u8]).ConvertAll(c => c["CommonTableExpr"u8]);
        if (recursive)
        {
            all.ForEach(c => scope.Declare(c["ctename"u8].Text ?? "", null));
        }
        foreach (var cte in all)
        {
            var name = cte["ctename"u8].Text ?? "";
            var names = Strings(cte["aliascolnames"u8]);
            if (cte["search_clause"u8].Exists || cte["cycle_clause"u8].Exists)
            {
                Fail($"the search or cycle clause of `{name}` is not followed");
            }
            var query = Only(cte["ctequery"u8]);
            var body = recursive && NameOf(query) == "SelectStmt" && query["op"u8].Text is not (null or "SETOP_NONE")
                ? Recursive(query, name, names, scope)
                : Body(query, scope);
            scope.Declare(name, body.Named(names));
        }
    }

    private PgRows Body(PgNode query, PgLevel scope) =>
        NameOf(query) == "SelectStmt" ? Query(query, scope) : Write(NameOf(query), query, scope);

    /// <summary>The rows feed themselves: read again until nothing new flows in.</summary>
    private PgRows Recursive(PgNode query, string name, List<string> names, PgLevel scope)
    {
        var rows = Query(query["larg"u8], scope);
        for (var round = 0; round < MostRounds; round++)
        {
            scope.Declare(name, rows.Named(names));
            var next = Both(rows, Query(query, scope));
            if (next.Columns is null || rows.Columns is null || next.Columns.Select(c => c.Sources.Count).SequenceEqual(rows.Columns.Select(c => c.Sources.Count)))
            {
                return next;
            }
            rows = next;
        }
        return Fail($"`{name}` feeds itself in too many ways");
    }
}
