namespace AccessPlane.Contracts.Sql;

/// <summary>
/// libpg_query's JSON tree of a PostgreSQL text → what is found in it. A deep walk without recursion: a statement counts wherever it hides
/// (a CTE, COPY's query, a cursor, a rule), because its effect is the same there.
/// </summary>
internal static class PgTree
{
    /// <returns>What the text itself says; what it leads to is not followed.</returns>
    public static PgFindings Read(ReadOnlyMemory<byte> json, PgCatalog catalog, out int statements, int mostSteps = PgFindings.MostSteps)
    {
        using var tree = new PgJson(json);
        var found = new PgFindings { PathSetting = catalog.PathSetting, Most = mostSteps };
        var walk = new PgWalk(found, catalog);
        statements = 0;
        foreach (var statement in tree.Root["stmts"u8].Below)
        {
            statements++;
            if (statement["stmt"u8] is { Exists: true } node)
            {
                if (found.ChangesSchema && !node["TransactionStmt"u8].Exists)
                {
                    found.Hide("what follows a change of the schema in one text cannot be read before it is made: send it by itself");
                }
                PgTopLevel.Look(node, found);
                walk.Into(node);
            }
        }
        walk.LookUp();
        found.Qualified = PgQualified.Find(tree);
        found.NumbersMatter = tree.NumbersRead;
        return found;
    }

    /// <summary>The text of a name in a list of names: `schema.name`, as most nodes have it.</summary>
    public static (string? Schema, string Name) Qualified(PgNode list)
    {
        string? schema = null, name = null;
        foreach (var part in list.Below)
        {
            (schema, name) = (name, part["String"u8]["sval"u8].Text ?? "");
        }
        return (schema, name ?? "");
    }

    public static IReadOnlyList<string>? Texts(PgNode list)
    {
        if (!list.Exists)
        {
            return null;
        }
        var texts = new List<string>();
        foreach (var part in list.Below)
        {
            texts.Add(part["String"u8]["sval"u8].Text ?? "");
        }
        return texts;
    }
}
