using System.Collections.Frozen;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <param name="Points">What it adds to the score.</param>
public sealed record RiskPart(string Part, int Points, string Why);

/// <summary>
/// How much a statement can do, 0–100: the sum of its parts, capped. Deterministic: the same facts give the same score everywhere.
/// <list type="table">
/// <item><term>unknown</term><description>100: what is not understood may do anything</description></item>
/// <item><term>kind</term><description>of the worst kind in the text: 60 drop, truncate · 40 alter, grant, revoke, reassign, security-label, load, import, do
/// · 30 delete, update, merge, call, create · 20 copy-from, reindex, cluster, vacuum, lock, refresh, discard · 15 insert, comment, analyze, notify, checkpoint
/// · 10 copy-to · 5 select, execute · 0 others</description></item>
/// <item><term>unbounded</term><description>40: writes every row</description></item>
/// <item><term>opaque</term><description>20: may do more than can be read in it</description></item>
/// <item><term>several</term><description>10: more than one statement</description></item>
/// <item><term>written</term><description>5 for each relation written beyond the first, 20 at most</description></item>
/// <item><term>unresolved</term><description>10: names that the catalog does not know</description></item>
/// <item><term>functions</term><description>40: reaches beyond the tables (the server's files, other servers, other sessions, its settings);
/// otherwise 5 where any function is called that is not PostgreSQL's own</description></item>
/// <item><term>rows</term><description>of the planner's estimate, where approvers are shown one; no rule is matched by it: 10 from 1,000 rows, 20 from 100,000, 30 from 10,000,000</description></item>
/// </list>
/// </summary>
public sealed record RiskScore(int Score, IReadOnlyList<RiskPart> Parts)
{
    private static readonly FrozenDictionary<string, int> OfKinds = new Dictionary<int, string[]>
    {
        [60] = ["drop", "truncate"],
        [40] = ["alter", "grant", "revoke", "reassign", "security-label", "load", "import", "do"],
        [30] = ["delete", "update", "merge", "call", "create"],
        [20] = ["copy-from", "reindex", "cluster", "vacuum", "lock", "refresh", "discard"],
        [15] = ["insert", "comment", "analyze", "notify", "checkpoint"],
        [10] = ["copy-to"],
        [5] = ["select", "execute"],
    }.SelectMany(x => x.Value.Select(kind => (kind, x.Key))).ToFrozenDictionary(x => x.kind, x => x.Key, StringComparer.Ordinal);

    private static readonly NamePattern[] Reaching =
    [
        .. new[]
        {
            "pg_read_*", "pg_ls_*", "pg_stat_file", "pg_file_*", "lo_*", "dblink*", "pg_terminate_backend", "pg_cancel_backend", "pg_reload_conf",
            "pg_rotate_logfile", "pg_switch_wal", "pg_create_restore_point", "pg_promote", "pg_logical_*", "pg_replication_*", "set_config",
            "query_to_xml*", "table_to_xml*", "cursor_to_xml*", "schema_to_xml*", "database_to_xml*",
        }.Select(p => new NamePattern(p)),
    ];

    /// <param name="facts">Of the text.</param>
    /// <param name="estimatedRows">The planner's estimate, where the server was asked: of what is held, when that has been decided.</param>
    public static RiskScore Of(StatementFacts facts, long? estimatedRows = null)
    {
        ArgumentNullException.ThrowIfNull(facts);
        var parts = new List<RiskPart>(4);
        void Add(string part, int points, string why)
        {
            if (points > 0)
            {
                parts.Add(new RiskPart(part, points, why));
            }
        }

        Add("unknown", facts.Unknown is null ? 0 : 100, "it is not understood");
        var worst = facts.Kinds.MaxBy(k => OfKinds.GetValueOrDefault(k));
        Add("kind", worst is null ? 0 : OfKinds.GetValueOrDefault(worst), $"`{worst}`");
        Add("unbounded", facts.Unbounded ? 40 : 0, "it writes every row");
        Add("opaque", facts.Opaque is null ? 0 : 20, facts.Opaque ?? "");
        Add("several", facts.Statements > 1 ? 10 : 0, $"{facts.Statements} statements");
        var written = facts.Relations.Count(r => r.Access.HasFlag(RelationAccess.Write));
        Add("written", Math.Clamp(5 * (written - 1), 0, 20), $"{written} relations are written");
        Add("unresolved", facts.Relations.Any(r => r.Name.StartsWith('.')) || facts.Functions.Any(f => f.StartsWith('.')) ? 10 : 0, "the catalog does not know its names");
        if (facts.Functions.FirstOrDefault(f => Reaching.Any(p => p.Matches(f))) is { } reaching)
        {
            Add("functions", 40, $"`{reaching}` reaches beyond the tables");
        }
        else if (facts.Functions.FirstOrDefault(f => !f.StartsWith("pg_catalog.", StringComparison.Ordinal)) is { } own)
        {
            Add("functions", 5, $"`{own}` is not PostgreSQL's own");
        }
        Add("rows", estimatedRows switch { >= 10_000_000 => 30, >= 100_000 => 20, >= 1_000 => 10, _ => 0 }, $"the planner expects {estimatedRows:N0} rows");
        return new RiskScore(Math.Min(100, parts.Sum(p => p.Points)), parts);
    }
}
