namespace AccessPlane.Contracts.Sql;

/// <summary>The relation whose rows a statement changes, and which columns of a condition are its own: what may be another's is taken for that.</summary>
internal sealed class PgWritten
{
    private readonly string alias;
    private readonly PgRelation? relation;
    private readonly bool isAlone;
    private readonly List<PgRelation?> others = [];

    public PgWritten(PgCatalog catalog, PgNode statement)
    {
        var target = statement["relation"u8];
        Name = target["relname"u8].Text;
        alias = target["alias"u8]["aliasname"u8].Text ?? Name ?? "";
        relation = catalog.Relation(target["schemaname"u8].Text, Name ?? "");
        isAlone = !statement["fromClause"u8].Exists && !statement["usingClause"u8].Exists && !statement["sourceRelation"u8].Exists;
        foreach (var from in new[] { statement["fromClause"u8], statement["usingClause"u8] })
        {
            foreach (var item in from.Below)
            {
                others.Add(Other(catalog, item));
            }
        }
        if (statement["sourceRelation"u8] is { Exists: true } source)
        {
            others.Add(Other(catalog, source));
        }
    }

    /// <summary>As the statement has it, without its schema.</summary>
    public string? Name { get; }

    /// <param name="column">Its own, or the name of it as a whole.</param>
    public bool IsNeverNull(string column) =>
        column == alias || PgBuiltIns.IsSystemColumn(column) || relation?.Columns.FirstOrDefault(c => c.Name == column)?.IsNotNull == true;

    /// <summary>Whether some column in an expression is its own.</summary>
    public bool IsIn(PgNode wrapped)
    {
        var open = new Stack<(PgNode.Children Level, bool Inner)>();
        open.Push((wrapped.Below, false));
        while (open.TryPop(out var top))
        {
            if (!top.Level.MoveNext())
            {
                continue;
            }
            var child = top.Level.Current;
            open.Push(top);
            if (child.Name.SequenceEqual("ColumnRef"u8))
            {
                if (IsOwn(child, top.Inner))
                {
                    return true;
                }
            }
            else if (child.IsObject || child.IsArray)
            {
                open.Push((child.Below, top.Inner || child.Name.SequenceEqual("SelectStmt"u8)));
            }
        }
        return false;
    }

    private bool IsOwn(PgNode column, bool inSubSelect)
    {
        var (qualifier, columnName) = PgTree.Qualified(column["fields"u8]);
        if (qualifier is not null)
        {
            return qualifier == alias;
        }
        var has = relation is null ? (bool?)null : relation.Columns.Any(c => c.Name == columnName) || PgBuiltIns.IsSystemColumn(columnName);
        if (inSubSelect)
        {
            return false; // it may be the sub-select's own
        }
        return has ?? (isAlone || (others.Count > 0 && others.TrueForAll(o => o?.Columns.Any(c => c.Name == columnName) == false)));
    }

    private static PgRelation? Other(PgCatalog catalog, PgNode item) =>
        item["RangeVar"u8] is { Exists: true } table ? catalog.Relation(table["schemaname"u8].Text, table["relname"u8].Text ?? "") : null;
}
