using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Which of PostgreSQL's settings a session may change: a closed list of those that cannot change how SQL is read, who the session is,
/// or what it is allowed. Everything else is refused by name; `RESET` gives back what the agent set at the start and is always free.
/// </summary>
public static class PgSettings
{
    private static readonly FrozenSet<string> Free = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "application_name", "datestyle", "timezone", "intervalstyle", "extra_float_digits", "bytea_output", "xmloption", "xmlbinary",
        "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "icu_validation_level",
        "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "deadlock_timeout",
        "client_min_messages", "quote_all_identifiers", "escape_string_warning", "check_function_bodies", "row_security", "array_nulls",
        "default_tablespace", "temp_tablespaces", "default_table_access_method", "default_toast_compression", "synchronize_seqscans",
        "transaction_isolation", "default_transaction_isolation", "transaction_deferrable", "default_transaction_deferrable",
        "synchronous_commit", "commit_delay", "commit_siblings", "vacuum_cost_delay", "vacuum_cost_limit",
        "work_mem", "maintenance_work_mem", "temp_buffers", "logical_decoding_work_mem", "hash_mem_multiplier",
        "effective_cache_size", "effective_io_concurrency", "maintenance_io_concurrency", "seq_page_cost", "random_page_cost",
        "cpu_tuple_cost", "cpu_index_tuple_cost", "cpu_operator_cost", "parallel_tuple_cost", "parallel_setup_cost",
        "min_parallel_table_scan_size", "min_parallel_index_scan_size", "max_parallel_workers", "max_parallel_workers_per_gather",
        "max_parallel_maintenance_workers", "parallel_leader_participation", "force_parallel_mode", "debug_parallel_query",
        "default_statistics_target", "from_collapse_limit", "join_collapse_limit", "constraint_exclusion", "cursor_tuple_fraction",
        "plan_cache_mode", "recursive_worktable_factor", "geqo", "geqo_threshold", "geqo_effort", "geqo_pool_size", "geqo_generations",
        "geqo_selection_bias", "geqo_seed", "jit", "jit_above_cost", "jit_inline_above_cost", "jit_optimize_above_cost",
        "gin_fuzzy_search_limit", "gin_pending_list_limit", "seed", "track_activities", "track_io_timing",
        "enable_async_append", "enable_bitmapscan", "enable_gathermerge", "enable_group_by_reordering", "enable_hashagg", "enable_hashjoin",
        "enable_incremental_sort", "enable_indexonlyscan", "enable_indexscan", "enable_material", "enable_memoize", "enable_mergejoin",
        "enable_nestloop", "enable_parallel_append", "enable_parallel_hash", "enable_partition_pruning", "enable_partitionwise_aggregate",
        "enable_partitionwise_join", "enable_presorted_aggregate", "enable_seqscan", "enable_sort", "enable_tidscan");

    private static readonly FrozenSet<string> ReadOnlySwitches = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "transaction_read_only", "default_transaction_read_only");

    private static readonly FrozenSet<string> On = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "on", "true", "yes", "1");

    /// <param name="value">The new value where it is one constant; null for anything else.</param>
    /// <param name="asksForWrites">It would make transactions writable.</param>
    /// <returns>Why the session may not; null when it may.</returns>
    public static string? WhyNotSet(string name, string? value, out bool asksForWrites)
    {
        ArgumentNullException.ThrowIfNull(name);
        asksForWrites = false;
        if (ReadOnlySwitches.Contains(name))
        {
            asksForWrites = value is null || !On.Contains(value);
            return null;
        }
        var free = name.ToLowerInvariant() switch
        {
            "standard_conforming_strings" => value is not null && On.Contains(value),
            "client_encoding" => value is not null && IsUtf8(value),
            "role" => string.Equals(value, "none", StringComparison.OrdinalIgnoreCase),
            _ => Free.Contains(name),
        };
        return free ? null : $"the setting `{name}` is fixed for sessions through this agent";
    }

    /// <summary>The schemas of a search path as it is set: names in quotes as they stand, all others in lower case.</summary>
    public static IReadOnlyList<string> Schemas(string setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        var schemas = new List<string>();
        for (var at = 0; at < setting.Length;)
        {
            var isQuoted = setting[at] == '"';
            var end = isQuoted ? EndOfQuoted(setting, at + 1) : setting.IndexOf(',', at) is var comma and >= 0 ? comma : setting.Length;
            var name = isQuoted ? setting[(at + 1)..end].Replace("\"\"", "\"", StringComparison.Ordinal) : setting[at..end].Trim().ToLowerInvariant();
            if (isQuoted || name.Length > 0)
            {
                schemas.Add(name);
            }
            at = isQuoted ? setting.IndexOf(',', end) is var next and >= 0 ? next : setting.Length : end;
            while (at < setting.Length && (setting[at] == ',' || char.IsWhiteSpace(setting[at])))
            {
                at++;
            }
        }
        return schemas;
    }

    private static int EndOfQuoted(string setting, int at)
    {
        while (at < setting.Length && (setting[at] != '"' || (at + 1 < setting.Length && setting[at + 1] == '"')))
        {
            at += setting[at] == '"' ? 2 : 1;
        }
        return Math.Min(at, setting.Length);
    }

    /// <summary>A reset returns to what the agent set at the start, but for the switch of the running transaction, whose default is writable.</summary>
    public static bool ResetAsksForWrites(string name) => string.Equals(name, "transaction_read_only", StringComparison.OrdinalIgnoreCase);

    /// <summary>The spellings of UTF-8 that PostgreSQL knows, as it compares them: letters and digits only.</summary>
    public static bool IsUtf8(string encoding)
    {
        ArgumentNullException.ThrowIfNull(encoding);
        var name = string.Concat(encoding.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        return name is "utf8" or "unicode";
    }
}
