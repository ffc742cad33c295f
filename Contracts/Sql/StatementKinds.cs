using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>The closed list of names that policies use for kinds of statement.</summary>
public static class StatementKinds
{
    public static FrozenSet<string> All { get; } = FrozenSet.Create(StringComparer.Ordinal,
        "select", "insert", "update", "delete", "merge", "copy-to", "copy-from", "explain", "show", "set", "declare", "fetch", "close",
        "prepare", "execute", "deallocate", "transaction", "listen", "notify", "lock", "call", "do", "truncate", "create", "alter", "drop",
        "grant", "revoke", "comment", "security-label", "analyze", "vacuum", "reindex", "cluster", "refresh", "checkpoint", "discard", "load",
        "import", "reassign", "empty");

    /// <summary>What has no effect of its own beyond the session: it follows what it is used with, which is judged itself.</summary>
    public static FrozenSet<string> AlwaysWithinScope { get; } = FrozenSet.Create(StringComparer.Ordinal,
        "transaction", "show", "set", "prepare", "execute", "deallocate", "declare", "fetch", "close", "discard", "empty");

    /// <summary>Kinds that read and change nothing: a scope of these only is also pinned read-only in the database itself.</summary>
    public static FrozenSet<string> ReadOnly { get; } = FrozenSet.Create(StringComparer.Ordinal,
        "select", "explain", "show", "copy-to", "declare", "fetch", "close", "prepare", "execute", "deallocate", "transaction", "set", "discard", "empty", "listen");
}
