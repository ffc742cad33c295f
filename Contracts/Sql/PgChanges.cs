using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Which changes of the schema leave alone what texts that follow in the same transaction are read by. A new table holds what its own transaction put
/// there, and functions that a default or a check calls are judged where they are named. A closed list: all else may make other code run, or put
/// other rows behind a name.
/// </summary>
internal static class PgChanges
{
    private static readonly FrozenSet<string> Additions = FrozenSet.Create(StringComparer.Ordinal,
        "CreateStmt", "CreateTableAsStmt", "IndexStmt", "CreateSeqStmt", "AlterSeqStmt", "CreateStatsStmt", "AlterStatsStmt");

    private static readonly FrozenSet<string> Harmless = FrozenSet.Create(StringComparer.Ordinal,
        "AT_AddColumn", "AT_DropColumn", "AT_ColumnDefault", "AT_DropNotNull", "AT_SetNotNull", "AT_SetStatistics", "AT_SetOptions", "AT_ResetOptions",
        "AT_SetStorage", "AT_SetCompression", "AT_AddIndex", "AT_AddConstraint", "AT_ValidateConstraint", "AT_AddIndexConstraint", "AT_DropConstraint",
        "AT_ClusterOn", "AT_DropCluster", "AT_SetTableSpace", "AT_SetRelOptions", "AT_ResetRelOptions", "AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity",
        "AT_AlterColumnType");

    public static bool Redefines(string type, PgNode node)
    {
        if (Additions.Contains(type))
        {
            return false;
        }
        if (type != "AlterTableStmt" || node["objtype"u8].Text != "OBJECT_TABLE")
        {
            return true;
        }
        foreach (var item in node["cmds"u8].Below)
        {
            var command = item["AlterTableCmd"u8];
            if (!Harmless.Contains(command["subtype"u8].Text ?? "") || Cascades(command["def"u8]))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>A foreign key of a table that was there before carries changes on to rows that were.</summary>
    private static bool Cascades(PgNode definition)
    {
        if (IsCascade(definition["Constraint"u8]))
        {
            return true;
        }
        foreach (var constraint in definition["ColumnDef"u8]["constraints"u8].Below)
        {
            if (IsCascade(constraint["Constraint"u8]))
            {
                return true;
            }
        }
        return false;
    }

    private static bool IsCascade(PgNode constraint) =>
        constraint["contype"u8].Text == "CONSTR_FOREIGN" &&
        (constraint["fk_del_action"u8].Text is not (null or "" or "a" or "r") || constraint["fk_upd_action"u8].Text is not (null or "" or "a" or "r"));
}
