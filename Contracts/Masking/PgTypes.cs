namespace AccessPlane.Contracts.Masking;

/// <summary>OIDs of PostgreSQL's own types, as far as values of them are looked into.</summary>
internal static class PgTypes
{
    public const uint Bool = 16, Bytea = 17, Char = 18, Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Oid = 26, Json = 114, Xml = 142,
        Float4 = 700, Float8 = 701, Unknown = 705, BpChar = 1042, VarChar = 1043, Date = 1082, Time = 1083, Timestamp = 1114, TimestampTz = 1184,
        TimeTz = 1266, Interval = 1186, Numeric = 1700, Uuid = 2950, JsonB = 3802;

    public static bool IsText(uint type) => type is Text or VarChar or BpChar or Name or Unknown or Xml;

    public static bool IsJson(uint type) => type is Json or JsonB;

    /// <summary>Types whose values can hold no words: detectors need not look into them.</summary>
    public static bool IsWordless(uint type) => type is Bool or Bytea or Char or Int8 or Int2 or Int4 or Oid or Float4 or Float8 or Date or Time or Timestamp or
        TimestampTz or TimeTz or Interval or Numeric or Uuid or 600 or 601 or 602 or 603 or 604 or 628 or 718 or 650 or 829 or 869 or 774 or 790 or 1560 or 1562 or
        1000 or 1001 or 1005 or 1007 or 1016 or 1021 or 1022 or 1028 or 1115 or 1182 or 1183 or 1185 or 1187 or 1231 or 1270 or 2951 or 22 or 30 or 27 or 28 or 29;
}
