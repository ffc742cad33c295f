namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Everything about a database that masks depend on, as of one moment. Relations of the system, of extensions, and generated ones are left out.</summary>
/// <param name="Inherits">Children and their parents, partitions among them.</param>
/// <param name="Links">Columns that hold the same values: of a foreign key, and what it refers to.</param>
/// <param name="Cascades">What a write to one relation does to another, by a foreign key.</param>
/// <param name="Generated">Columns that are computed, each with one of those that they are computed from.</param>
/// <param name="Tangles">Columns of one relation that one constraint, index or expression looks at together: writing one tells about the others.</param>
/// <param name="Readings">What views and rules read.</param>
/// <param name="Routines">Those that the terms' roles may execute and PUBLIC may not, and that run with their caller's rights.</param>
/// <param name="Made">What was generated for the same rules and terms before.</param>
internal sealed record MaskGround(
    GroundAgent Agent, IReadOnlyList<GroundSchema> Schemas, IReadOnlyList<GroundRelation> Relations, IReadOnlyList<(uint Child, uint Parent)> Inherits,
    IReadOnlyList<(GroundPlace One, GroundPlace Other)> Links, IReadOnlyList<GroundCascade> Cascades, IReadOnlyList<(GroundPlace Column, short From)> Generated,
    IReadOnlyList<(uint Relation, IReadOnlyList<short> Columns)> Tangles, IReadOnlyList<GroundReading> Readings, IReadOnlyList<GroundRoutine> Routines,
    GroundMade Made);

/// <summary>A column by the numbers that stay when it is renamed.</summary>
internal readonly record struct GroundPlace(uint Relation, short Column);

/// <summary>The connection that reads, and what its role may do.</summary>
/// <param name="Version">As `server_version_num`.</param>
/// <param name="MayCreate">Schemas.</param>
/// <param name="HasOwner">The role that owns all masks exists.</param>
/// <param name="MayBecomeOwner">The agent's role can act as it.</param>
/// <param name="MayGrantOwner">… or can give itself the right to.</param>
/// <param name="Path">The schemas of a session's normal search path.</param>
/// <param name="Missing">Roles of the terms that do not exist.</param>
internal sealed record GroundAgent(
    string Database, string Role, int Version, bool IsSuperuser, bool MayCreateRoles, bool MayCreate, bool MayLetConnect, bool PublicConnects, bool HasOwner,
    bool MayBecomeOwner, bool MayGrantOwner, IReadOnlyList<string> Path, IReadOnlyList<string> Missing)
{
    /// <summary>Within what OIDs mean something: the cluster, as far as it may be known, and the database's own OID.</summary>
    public string? Identity { get; init; }
}

/// <param name="IsPublic">PUBLIC has USAGE.</param>
/// <param name="IsHeld">One of the terms' roles has it.</param>
/// <param name="IsGrantable">The agent's role may give it on.</param>
internal sealed record GroundSchema(string Name, bool IsPublic, bool IsHeld, bool IsGrantable);

[Flags]
internal enum TableRights
{
    None = 0,
    Select = 1,
    Insert = 2,
    Update = 4,
    Delete = 8,

    /// <summary>Of a sequence.</summary>
    Usage = 16,
}

/// <param name="Kind">As `relkind`: r, p, v, m, f or S.</param>
/// <param name="Held">What the terms' roles may do with all of it.</param>
/// <param name="Grantable">What the agent's role may give on.</param>
/// <param name="HasPolicies">Row-level security with policies for certain roles.</param>
/// <param name="Triggers">Events on which code of the database's own runs that sees whole rows and that nobody marked as reviewed.</param>
/// <param name="HasRules">Something else is made of writes.</param>
internal sealed record GroundRelation(
    uint Oid, string Schema, string Name, char Kind, IReadOnlyList<GroundColumn> Columns, TableRights Held, TableRights Grantable, bool HasPolicies,
    TableRights Triggers, bool HasRules)
{
    public string FullName => $"{Schema}.{Name}";
    public string Sql => MaskSql.Name(Schema, Name);

    /// <summary>What its owner says of it.</summary>
    public string? Comment { get; init; }
    public bool IsTable => Kind is 'r' or 'p';
}

/// <param name="Type">As PostgreSQL spells it with an empty search path. Of a domain its base: that is what clients see of it, and no check of the domain's
/// can fail on a masked value.</param>
/// <param name="TypeOid">Of that type.</param>
/// <param name="Modifier">`atttypmod`; -1 for none.</param>
/// <param name="Collation">Where it is not the type's own; quoted.</param>
/// <param name="Held">What the terms' roles may do with the column alone.</param>
internal sealed record GroundColumn(string Name, short Number, string Type, uint TypeOid, int Modifier, string? Collation, TableRights Held)
{
    public string? Comment { get; init; }
}

internal sealed record GroundCascade(uint Of, TableRights On, uint To, TableRights Does);

/// <summary>A view, a materialized view, or a rule reads a column.</summary>
/// <param name="Relation">Whose definition it is.</param>
/// <param name="IsRule">Of writes, not of the view itself.</param>
/// <param name="From">0 for a function: what it reads is not known.</param>
/// <param name="Column">0 where no column of it is named; -1 for what the server keeps to itself.</param>
/// <param name="WholeRows">The definition uses rows as values somewhere: any column may be read.</param>
internal sealed record GroundReading(uint Relation, bool IsRule, uint From, short Column, bool WholeRows);

/// <param name="Signature">As `regprocedure` spells it with an empty search path.</param>
internal sealed record GroundRoutine(string Schema, string Signature, bool IsGrantable);

/// <summary>What is there of the schemas, the views and the group.</summary>
/// <param name="Schemas">Names with their owners.</param>
/// <param name="GroupRights">What the group was granted, wherever.</param>
/// <param name="OwnerRights">What the owner of masks was granted.</param>
/// <param name="Strange">Rights of the group of a kind that is never given to it, and what it owns; for people to read.</param>
/// <param name="Mark">The comment on the group; null where there is no group.</param>
internal sealed record GroundMade(
    IReadOnlyDictionary<string, string> Schemas, IReadOnlyList<GroundView> Views, IReadOnlyList<MaskRight> GroupRights, IReadOnlyList<MaskRight> OwnerRights,
    IReadOnlyList<string> Strange, bool HasGroup, string? Mark)
{
    /// <summary>Of tables that there are and of such that are gone.</summary>
    public IReadOnlyList<GroundMemory> Memories { get; init; } = [];

    public static GroundMade Nothing { get; } = new(new Dictionary<string, string>(), [], [], [], [], false, null);
}

/// <param name="Memory">Null where what stands there cannot be read.</param>
internal sealed record GroundMemory(string Schema, string Name, string Owner, MaskMemory? Memory);

/// <param name="Options">As `reloptions`.</param>
/// <param name="Definition">A hash of what the server says that it is.</param>
internal sealed record GroundView(string Schema, string Name, string Owner, string Options, string Definition, MaskRecord? Record)
{
    public uint Oid { get; init; }

    /// <summary>Of its columns, and of itself as of <see cref="MaskWords.Whole"/>.</summary>
    public IReadOnlyDictionary<string, string> Comments { get; init; } = new Dictionary<string, string>();
}
