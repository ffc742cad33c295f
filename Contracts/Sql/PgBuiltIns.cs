using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>What PostgreSQL brings along and is more than it looks.</summary>
internal static class PgBuiltIns
{
    private static readonly FrozenSet<string> RunText = FrozenSet.Create(StringComparer.Ordinal,
        "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "cursor_to_xmlschema",
        "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema", "schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema",
        "database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema", "ts_stat", "ts_rewrite");

    private static readonly FrozenSet<string> SystemColumns = FrozenSet.Create(StringComparer.Ordinal, "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid");

    /// <summary>Why a built-in function may do more than it says; null where it does not.</summary>
    public static string? WhyOpaque(string function) =>
        RunText.Contains(function) ? $"`{function}` reads what its arguments say while it runs" : null;

    public static bool IsSystemColumn(string name) => SystemColumns.Contains(name);
}
