using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// What of PostgreSQL's own can stand in a statement whose values must be followed: functions and operators that do nothing but compute from their
/// arguments, catalogs that show no data. Closed lists: what is not here proves nothing.
/// </summary>
internal static class PgTrusted
{
    private static readonly string[] DeniedFunctions =
    [
        "*_to_xml*", "pg_read_*", "pg_ls_*", "pg_stat_file", "lo_*", "loread", "lowrite", "pg_logical_*", "ts_stat", "ts_rewrite", "pg_mcv_list_items",
        "pg_stat_get_activity", "pg_stat_get_backend_*", "set_config", "pg_show_all_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings",
        "binary_upgrade_*", "currtid*", "pg_options_to_table", "pg_get_backend_memory_contexts", "pg_log_*", "pg_terminate_*", "pg_cancel_*",
    ];

    private static readonly string[] VolatileFunctions =
    [
        "random", "setseed", "clock_timestamp", "timeofday", "statement_timestamp", "gen_random_uuid", "nextval", "setval", "currval", "lastval", "pg_sleep", "pg_sleep_for",
        "pg_sleep_until", "pg_advisory_*", "pg_try_advisory_*", "pg_notify", "txid_*", "pg_current_*", "pg_is_*", "pg_postmaster_start_time",
        "pg_conf_load_time", "pg_my_temp_schema", "pg_blocking_pids", "pg_stat_get_*", "pg_sequence_*", "pg_relation_size", "pg_table_size",
        "pg_total_relation_size", "pg_indexes_size", "pg_database_size", "pg_tablespace_size", "pg_lock_status", "pg_prepared_statement", "pg_cursor",
        "pg_timezone_names", "pg_listening_channels", "pg_safe_snapshot_blocking_pids", "pg_last_*", "pg_get_*", "pg_partition_*",
    ];

    /// <summary>Functions that print a definition.</summary>
    private static readonly string[] DefinitionFunctions =
    [
        "pg_get_expr", "pg_get_constraintdef", "pg_get_viewdef", "pg_get_indexdef", "pg_get_ruledef", "pg_get_triggerdef", "pg_get_functiondef",
        "pg_get_partition_constraintdef", "pg_get_statisticsobjdef*", "pg_get_function_sqlbody", "pg_get_function_arg_default", "pg_get_function_arguments",
        "pg_get_partkeydef",
    ];

    /// <summary>What never fails, whatever text it is given, and shows nothing but its value.</summary>
    public static readonly FrozenSet<string> TotalFunctions =
        FrozenSet.Create(StringComparer.Ordinal, "upper", "lower", "initcap", "btrim", "ltrim", "rtrim", "concat");

    private static readonly FrozenSet<string> Operators = FrozenSet.ToFrozenSet(
        ("= <> != < > <= >= + - * / % ^ |/ ||/ @ & | # ~ << >> || ~~ !~~ ~~* !~~* ~* !~ !~* -> ->> #> #>> @> <@ ? ?| ?& #- @? @@ @@@ && &< &> <<| |>> " +
        "&<| |&> ## @-@ <-> <#> ?# ?- ?-| ?|| ~= ^@ -|- <<= >>= !! ~>~ ~<~ ~>=~ ~<=~ *= *<> *< *> *<= *>= <^ >^").Split(' '), StringComparer.Ordinal);

    private static readonly FrozenSet<string> DeniedRelations = FrozenSet.Create(StringComparer.Ordinal,
        "pg_statistic", "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext_data", "pg_stat_activity", "pg_stat_statements",
        "pg_stat_statements_info", "pg_largeobject", "pg_largeobject_metadata", "pg_authid", "pg_shadow", "pg_user_mapping", "pg_user_mappings",
        "pg_subscription", "pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_stat_ssl", "pg_stat_gssapi", "pg_stat_replication",
        "pg_backend_memory_contexts", "pg_config", "user_mapping_options", "pg_foreign_server", "foreign_server_options", "_pg_user_mappings",
        "_pg_foreign_servers");

    private static readonly FrozenSet<string> Trees = FrozenSet.Create(StringComparer.Ordinal,
        "adbin", "conbin", "relpartbound", "indexprs", "indpred", "ev_action", "ev_qual", "prosrc", "prosqlbody", "proargdefaults", "tgqual", "tgargs", "polqual",
        "polwithcheck", "typdefault", "typdefaultbin", "attmissingval", "stxexprs", "partexprs", "srvoptions", "ftoptions", "prqual");

    private static readonly FrozenSet<string> Texts = FrozenSet.Create(StringComparer.Ordinal,
        "definition", "indexdef", "qual", "with_check", "column_default", "check_clause", "view_definition", "routine_definition", "action_statement",
        "action_condition", "generation_expression", "domain_default", "parameter_default");

    public static bool IsOperator(string name) => Operators.Contains(name);

    public static bool IsDefinition(string function) => Any(DefinitionFunctions, function);

    public static bool IsSystem(string schema) => schema is "pg_catalog" or "information_schema";

    public static bool IsDenied(string systemRelation) => DeniedRelations.Contains(systemRelation);

    /// <summary>A column of PostgreSQL's own catalogs.</summary>
    public static PgValue SystemColumn(string name) =>
        Texts.Contains(name) ? new PgValue(name, PgValue.None.Add(Lineage.Definition), true) :
        Trees.Contains(name) ? new PgValue(name, PgValue.None.Add(Lineage.Definition), false) : new PgValue(name, PgValue.None, true);

    /// <summary>A catalog that shows data of relations.</summary>
    public static bool IsShowing(PgRelation relation) => IsSystem(relation.Schema) && IsDenied(relation.Name);

    /// <summary>Why a function may show or change more than its arguments; null where it cannot.</summary>
    /// <param name="runs">It has a body that only the facts can speak of.</param>
    public static string? WhyNot(PgCatalog catalog, string? schema, string name, out bool runs)
    {
        List<PgFunction> all = schema is null
            ? [.. catalog.SearchPath.SelectMany(s => catalog.FunctionsNamed(s, name))]
            : [.. catalog.FunctionsNamed(schema, name)];
        runs = all.Exists(f => !f.IsBuiltIn && !f.IsKnown);
        if (all.Count == 0)
        {
            return $"the function `{name}` is not known here";
        }
        return Any(DeniedFunctions, name) || (all.Exists(f => f.IsBuiltIn && f.Volatility == 'v') && !Any(VolatileFunctions, name))
            ? $"the function `{name}` can show or change more than its arguments"
            : null;
    }

    private static bool Any(string[] patterns, string name) => Array.Exists(patterns, p => Fits(p, name));

    private static bool Fits(string pattern, string name) => (pattern[0], pattern[^1]) switch
    {
        ('*', '*') => name.Contains(pattern[1..^1], StringComparison.Ordinal),
        (_, '*') => name.StartsWith(pattern[..^1], StringComparison.Ordinal),
        _ => name == pattern,
    };
}
