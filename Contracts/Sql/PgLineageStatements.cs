using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>Statements: which of them give rows, which do nothing with values, and which could carry values to where they are not followed.</summary>
public sealed partial class PgLineage
{
    /// <summary>Nothing of any relation is in what they do.</summary>
    private static readonly FrozenSet<string> Harmless = FrozenSet.Create(StringComparer.Ordinal,
        "TransactionStmt", "VariableShowStmt", "DeallocateStmt", "ClosePortalStmt", "ListenStmt", "UnlistenStmt", "NotifyStmt", "DiscardStmt",
        "CheckPointStmt", "ConstraintsSetStmt", "CreateSchemaStmt", "CreateSeqStmt", "AlterSeqStmt", "CreateEnumStmt", "AlterEnumStmt", "CreateRoleStmt",
        "AlterRoleStmt", "DropRoleStmt", "GrantRoleStmt", "AlterDefaultPrivilegesStmt", "CreatedbStmt", "DropdbStmt", "DropOwnedStmt");

    /// <summary>Definitions whose relations, queries and functions stand in their tree.</summary>
    private static readonly FrozenSet<string> Definitions = FrozenSet.Create(StringComparer.Ordinal,
        "CreateStmt", "IndexStmt", "AlterTableStmt", "DropStmt", "TruncateStmt", "LockStmt", "VacuumStmt", "ReindexStmt", "ClusterStmt", "RefreshMatViewStmt",
        "CreateStatsStmt", "CommentStmt", "GrantStmt", "RenameStmt", "AlterObjectSchemaStmt", "AlterOwnerStmt", "ViewStmt", "CreateTableAsStmt",
        "CompositeTypeStmt", "CreateDomainStmt", "AlterDomainStmt", "AlterTypeStmt");

    /// <summary>What may be renamed or moved: other things would take relations along without naming them.</summary>
    private static readonly FrozenSet<string> Renamed = FrozenSet.Create(StringComparer.Ordinal,
        "OBJECT_TABLE", "OBJECT_COLUMN", "OBJECT_INDEX", "OBJECT_SEQUENCE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_TABCONSTRAINT", "OBJECT_TYPE",
        "OBJECT_ATTRIBUTE", "OBJECT_DOMAIN", "OBJECT_ROLE");

    private PgRows Statement(PgNode wrapped)
    {
        var node = Only(wrapped);
        var name = NameOf(node);
        switch (name)
        {
            case "SelectStmt":
                return Query(node, null);
            case "InsertStmt" or "UpdateStmt" or "DeleteStmt" or "MergeStmt":
                return Write(name, node, null);
            case "ExplainStmt":
                var plan = Inside("explain", node["query"u8]);
                shown.UnionWith(read); // widths of whatever a step needs
                if (printsDefinitions || node["query"u8]["ExecuteStmt"u8].Exists)
                {
                    indirect ??= "explain of a view, a policy or a change"; // a plan prints what is in their definitions
                }
                return plan;
            case "PrepareStmt":
                return Inside("prepare", node["query"u8]);
            case "DeclareCursorStmt":
                return Inside("declare", node["query"u8]);
            case "CopyStmt":
                return Copy(node);
            case "CreateFunctionStmt":
                MakeFunction(node);
                return PgRows.Empty;
            case "CreateTrigStmt":
                MakeTrigger(node);
                return PgRows.Empty;
            case "RuleStmt":
                MakeRule(node);
                return PgRows.Empty;
            case "ExecuteStmt":
                Infers(Walk(node["params"u8], new PgLevel(null)).Sources);
                return new PgRows(null, PgValue.None);
            case "FetchStmt":
                return new PgRows(null, PgValue.None);
            case "VariableSetStmt":
                if (node["name"u8].Text?.ToLowerInvariant() is "search_path" && node["kind"u8].Text is not ("VAR_RESET" or "VAR_SET_DEFAULT"))
                {
                    Fail("names would mean something else: write the schema with the name instead of setting `search_path`");
                }
                return PgRows.Empty;
            default:
                if (Definitions.Contains(name))
                {
                    Define(name, node);
                }
                else if (name is "DoStmt" or "CallStmt")
                {
                    Infers(Walk(node["funccall"u8], new PgLevel(null)).Sources);
                    Runs("what the block does is not followed");
                }
                else if (!Harmless.Contains(name))
                {
                    Fail($"what a statement of this kind does is not followed (`{name}`)");
                }
                else if (node["schemaElts"u8].Exists)
                {
                    Fail("create what belongs to a schema with statements of their own");
                }
                return PgRows.Empty;
        }
    }

    private PgRows Inside(string how, PgNode query)
    {
        elsewhere ??= how;
        var rows = Statement(query);
        Uses(rows.All);
        return new PgRows(null, rows.All);
    }

    private PgRows Copy(PgNode node)
    {
        if (node["query"u8].Exists)
        {
            return Inside("copy", node["query"u8]);
        }
        var isFrom = node["is_from"u8].IsTrue;
        var scope = new PgLevel(null);
        var item = Relation(node["relation"u8], scope, written: isFrom);
        Join(scope, Single(item, scope));
        Condition(node["whereClause"u8], scope);
        if (isFrom)
        {
            indirect ??= "copy from";
            return PgRows.Empty;
        }
        elsewhere ??= "copy";
        var listed = Strings(node["attlist"u8]);
        var rows = listed.Count == 0 ? item.Rows.All : PgRows.Union(listed.Select(c => Column([c], scope)));
        Uses(rows);
        return new PgRows(null, rows);
    }

    /// <summary>A definition outlives this text: what it names may not be hidden from anyone, so everything it names is told.</summary>
    private void Define(string name, PgNode node)
    {
        indirect ??= "a definition";
        if (name is "RenameStmt" && !Renamed.Contains(node["renameType"u8].Text ?? "OBJECT_ACCESS_METHOD"))
        {
            Fail("what else would be called otherwise is not followed");
        }
        if (name is "AlterObjectSchemaStmt" && !Renamed.Contains(node["objectType"u8].Text ?? "OBJECT_ACCESS_METHOD"))
        {
            Fail("what else would be moved is not followed");
        }
        if (name is "VacuumStmt" or "ReindexStmt" or "ClusterStmt")
        {
            indirect = null; // nothing of what is in the relations shows
            return;
        }
        var scope = new PgLevel(null);
        Named(node["objects"u8]);
        Named(node["object"u8]);
        Parts(node, scope);
    }

    /// <summary>The names of objects that are not written as relations.</summary>
    private void Named(PgNode objects)
    {
        foreach (var one in objects.Below)
        {
            var parts = Strings(one["items"u8].Exists ? one["items"u8] : one["List"u8]["items"u8]);
            for (var length = 1; length <= parts.Count; length++)
            {
                if (length >= 2 ? catalog.Relation(parts[length - 2], parts[length - 1]) is not null : catalog.Relation(null, parts[0]) is not null)
                {
                    Known(length >= 2 ? parts[length - 2] : null, parts[length - 1]);
                }
            }
        }
    }

    private void Known(string? schema, string name)
    {
        if (catalog.Relation(schema, name) is { } relation && !PgTrusted.IsSystem(relation.Schema))
        {
            Stores(Base(relation, written: false).All);
        }
    }

    private void Parts(PgNode root, PgLevel scope)
    {
        var below = new PgDescent(root);
        while (below.Next(out var node))
        {
            if (node["relname"u8].Text is { } relation)
            {
                Known(node["schemaname"u8].Text, relation);
                continue;
            }
            switch (NameOf(node))
            {
                case "SelectStmt":
                    Stores(Query(node, scope).All);
                    continue;
                case "ExecuteStmt":
                    continue; // what the name stands for is joined where it is known
                case "FuncCall":
                    Call(node);
                    break;
                case "A_Expr":
                    Operator(node["name"u8]);
                    break;
                case "SubLink":
                    Fail("a query in a definition is not followed");
                    break;
            }
            below.Into(node);
        }
    }
}
