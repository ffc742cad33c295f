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
        "*_to_xml*", "pg_read_*", "pg_ls_*", "pg_stat_file", "lo_import", "lo_export", "pg_logical_*", "ts_stat", "ts_rewrite", "pg_mcv_list_items",
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

    /// <summary>Functions over large objects: what they read and write is data of whoever knows the number.</summary>
    private static readonly FrozenSet<string> LargeObjects = FrozenSet.Create(StringComparer.Ordinal,
        "lo_creat", "lo_create", "lo_open", "lo_close", "loread", "lowrite", "lo_lseek", "lo_lseek64", "lo_tell", "lo_tell64", "lo_truncate", "lo_truncate64",
        "lo_unlink", "lo_from_bytea", "lo_get", "lo_put");

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
        "pg_stat_statements_info", "pg_largeobject", "pg_authid", "pg_shadow", "pg_file_settings", "pg_hba_file_rules", "pg_ident_file_mappings", "pg_stat_ssl",
        "pg_stat_gssapi", "pg_stat_replication", "pg_backend_memory_contexts", "pg_config", "user_mapping_options", "foreign_server_options",
        "_pg_user_mappings", "_pg_foreign_servers");

    /// <summary>How other databases are reached, from where anything could be read: nothing may depend on them.</summary>
    private static readonly FrozenSet<string> Keys = FrozenSet.Create(StringComparer.Ordinal, "umoptions", "subconninfo", "srvoptions");

    private static readonly FrozenSet<string> Trees = FrozenSet.Create(StringComparer.Ordinal,
        "adbin", "conbin", "relpartbound", "indexprs", "indpred", "ev_action", "ev_qual", "prosrc", "prosqlbody", "proargdefaults", "tgqual", "tgargs", "polqual",
        "polwithcheck", "typdefault", "typdefaultbin", "attmissingval", "stxexprs", "partexprs", "ftoptions", "prqual");

    private static readonly FrozenSet<string> Texts = FrozenSet.Create(StringComparer.Ordinal,
        "definition", "indexdef", "qual", "with_check", "column_default", "check_clause", "view_definition", "routine_definition", "action_statement",
        "action_condition", "generation_expression", "domain_default", "parameter_default");

    public static bool IsOperator(string name) => Operators.Contains(name);

    public static bool IsDefinition(string function) => Any(DefinitionFunctions, function);

    public static bool IsLargeObject(string function) => LargeObjects.Contains(function);

    /// <summary>What it is given stays, or reaches others.</summary>
    public static bool Keeps(string function) => IsLargeObject(function) || function is "pg_notify" or "setval";

    public static bool IsSystem(string schema) => schema is "pg_catalog" or "information_schema";

    public static bool IsDenied(string systemRelation) => DeniedRelations.Contains(systemRelation);

    /// <summary>Stands for what no statement may depend on.</summary>
    public const string Key = "pg_catalog.*.key";

    /// <summary>A column of PostgreSQL's own catalogs.</summary>
    public static PgValue SystemColumn(string name) =>
        Keys.Contains(name) ? new PgValue(name, PgValue.None.Add(Key), true) :
        Texts.Contains(name) ? new PgValue(name, PgValue.None.Add(Lineage.Definition), true) :
        Trees.Contains(name) ? new PgValue(name, PgValue.None.Add(Lineage.Definition), false) : new PgValue(name, PgValue.None, true);

    /// <summary>A catalog that shows data of relations.</summary>
    public static bool IsShowing(PgRelation relation) => IsSystem(relation.Schema) && IsDenied(relation.Name);

    /// <summary>Why a function may show or change more than its arguments; null where it cannot.</summary>
    /// <param name="runs">It has a body that only the facts can speak of.</param>
    public static string? WhyNot(PgCatalog catalog, string? schema, string name, out bool runs)
    {
        var all = Named(catalog, schema, name);
        runs = all.Exists(f => !f.IsBuiltIn && !f.IsKnown);
        return Any(DeniedFunctions, name) || (all.Exists(f => f.IsBuiltIn && f.Volatility == 'v') && !Any(VolatileFunctions, name) && !IsLargeObject(name))
            ? $"the function `{name}` can show or change more than its arguments"
            : null;
    }

    public static bool IsKnown(PgCatalog catalog, string? schema, string name) => Named(catalog, schema, name).Count > 0;

    private static List<PgFunction> Named(PgCatalog catalog, string? schema, string name) => schema is null
        ? [.. catalog.SearchPath.SelectMany(s => catalog.FunctionsNamed(s, name))]
        : [.. catalog.FunctionsNamed(schema, name)];

    /// <summary>The same of a function that a body calls: what is not built in has been read through, and what definitions say comes out as it is.</summary>
    public static string? WhyNotInside(PgCatalog catalog, string fullName) =>
        catalog.Functions.GetValueOrDefault(fullName)?.FirstOrDefault(f => f.IsBuiltIn) is not { } own ? null :
        IsDefinition(own.Name) ? $"what `{own.Name}` prints could not be followed" : WhyNot(catalog, own.Schema, own.Name, out _);

    /// <summary>A column, or whole rows, of a catalog that hold definitions.</summary>
    /// <param name="column">`schema.relation.column`</param>
    public static bool HoldsDefinitions(string column)
    {
        var name = column[(column.LastIndexOf('.') + 1)..];
        return column.Split('.', 2) is [var schema, _] && IsSystem(schema) && (name == "*" || Texts.Contains(name) || Trees.Contains(name) || Keys.Contains(name));
    }

    private static bool Any(string[] patterns, string name) => Array.Exists(patterns, p => Fits(p, name));

    private static bool Fits(string pattern, string name) => (pattern[0], pattern[^1]) switch
    {
        ('*', '*') => name.Contains(pattern[1..^1], StringComparison.Ordinal),
        (_, '*') => name.StartsWith(pattern[..^1], StringComparison.Ordinal),
        _ => name == pattern,
    };
}
