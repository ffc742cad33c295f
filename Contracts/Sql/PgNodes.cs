using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// PostgreSQL's statement nodes and the kind each is, where the node alone tells; those with an empty kind are looked into by
/// <see cref="PgTree"/>. The list is closed: a statement node that is not here makes the text unknown.
/// </summary>
internal static class PgNodes
{
    public static readonly FrozenDictionary<string, string> Kinds = List().ToFrozenDictionary(n => n.Node, n => n.Kind, StringComparer.Ordinal);

    private static IEnumerable<(string Node, string Kind)> List()
    {
        (string Kind, string Nodes)[] groups =
        [
            ("select", "Select"), ("insert", "Insert"), ("update", "Update"), ("delete", "Delete"), ("merge", "Merge"),
            ("prepare", "Prepare"), ("execute", "Execute"), ("deallocate", "Deallocate"), ("declare", "DeclareCursor"), ("fetch", "Fetch"),
            ("close", "ClosePortal"), ("transaction", "Transaction"), ("show", "VariableShow"), ("set", "VariableSet ConstraintsSet"),
            ("listen", "Listen Unlisten"), ("notify", "Notify"), ("lock", "Lock"), ("call", "Call"), ("do", "Do"), ("truncate", "Truncate"),
            ("discard", "Discard"), ("load", "Load"), ("checkpoint", "CheckPoint"), ("reindex", "Reindex"), ("cluster", "Cluster"),
            ("refresh", "RefreshMatView"), ("comment", "Comment"), ("security-label", "SecLabel"), ("import", "ImportForeignSchema"),
            ("reassign", "ReassignOwned"), ("", "Explain Copy Vacuum Grant GrantRole AlterDefaultPrivileges Return"),
            ("drop", "Drop DropRole Dropdb DropTableSpace DropSubscription DropUserMapping DropOwned"),
            ("create", "Create CreateTableAs View Index CreateSeq CreateSchema CreateFunction CreateTrig CreateRole Createdb CreateTableSpace " +
                "CreateExtension CreateDomain CreateEnum CreateRange CompositeType Define CreateCast CreateOpClass CreateOpFamily " +
                "CreateConversion CreateEventTrig CreateFdw CreateForeignServer CreateForeignTable CreateUserMapping CreatePLang CreatePolicy " +
                "CreatePublication CreateSubscription CreateStats CreateAm CreateTransform Rule"),
            ("alter", "AlterTable AlterTableMoveAll AlterTableSpaceOptions AlterOpFamily AlterTSConfiguration AlterTSDictionary AlterEnum AlterExtension " +
                "AlterExtensionContents AlterFdw AlterForeignServer AlterUserMapping AlterPolicy AlterPublication AlterSubscription AlterStats " +
                "AlterSeq AlterCollation AlterType AlterEventTrig AlterDomain AlterFunction AlterObjectDepends AlterObjectSchema AlterOwner " +
                "AlterOperator Rename AlterDatabase AlterDatabaseRefreshColl AlterDatabaseSet AlterRole AlterRoleSet AlterSystem ReplicaIdentity"),
        ];
        return groups.SelectMany(g => g.Nodes.Split(' ').Select(n => (n + "Stmt", g.Kind)));
    }
}
