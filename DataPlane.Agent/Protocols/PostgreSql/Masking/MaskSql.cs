namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Names and texts as SQL, whatever is in them.</summary>
internal static class MaskSql
{
    /// <summary>The role that owns every mask schema of the cluster, and may read the tables behind them.</summary>
    public const string Owner = "accessplane_mask_owner";

    public const string SchemaPrefix = "accessplane_m_";
    public const string GroupPrefix = "accessplane_g_";

    /// <summary>In a comment on a function or an extension: a person has looked at it, and it shows nothing that is masked.</summary>
    public const string Reviewed = "accessplane:reviewed";

    /// <summary>Of all changes to masks in one database.</summary>
    public const long Lock = 0x61706d61736b73;

    /// <summary>The longest name that PostgreSQL keeps, in bytes.</summary>
    public const int LongestName = 63;

    public static string Name(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public static string Name(string schema, string name) => $"{Name(schema)}.{Name(name)}";

    /// <summary>Standard strings: a backslash is one.</summary>
    public static string Text(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    public static string Texts(IEnumerable<string> texts) => $"array[{string.Join(", ", texts.Select(Text))}]::text[]";
}

/// <summary>One privilege that a role has.</summary>
/// <param name="On">`table`, `sequence`, `schema`, `routine` or `database`.</param>
/// <param name="Object">Its name, quoted; of a routine its signature.</param>
/// <param name="Column">Quoted; null for all of the object.</param>
/// <param name="Privilege">In upper case.</param>
internal sealed record MaskRight(string On, string Object, string? Column, string Privilege)
{
    /// <summary>On something that was generated, and so for the owner of masks to give.</summary>
    public bool IsOnMask => Object.StartsWith($"\"{MaskSql.SchemaPrefix}", StringComparison.Ordinal);

    public string Grant(string role) => $"grant {What} to {MaskSql.Name(role)}";

    public string Revoke(string role) => $"revoke {What} from {MaskSql.Name(role)}";

    public string What => $"{Privilege.ToLowerInvariant()}{(Column is null ? "" : $" ({Column})")} on {On} {Object}";
}

/// <summary>What is written on a view: what it was made of and how. Which columns are old is kept in a <see cref="MaskMemory"/>; an agent of a version before
/// knows it from here alone.</summary>
/// <param name="Relation">The table's OID.</param>
/// <param name="Sql">A hash of the statement that made it.</param>
/// <param name="Columns">By number.</param>
/// <param name="Seal">A hash of what the server then said that it is.</param>
internal sealed record MaskRecord(uint Relation, string Sql, IReadOnlyList<MaskedColumn> Columns, string? Seal = null);

/// <param name="Mask">Null for a clear one.</param>
internal sealed record MaskedColumn(short Number, string Name, Contracts.Policy.MaskWith? Mask = null);
