namespace AccessPlane.Contracts.Events;

/// <summary>A resource appeared in the published policy.</summary>
public sealed record ResourceRegistered(string Resource, string Kind) : IEvent;

/// <summary>A resource left the published policy: its requests and grants are closed with this as the cause.</summary>
public sealed record ResourceRetired(string Resource, string Why) : IEvent;

/// <summary>What an agent found of the masks that PostgreSQL enforces in one database, where it is not what it found before.</summary>
/// <param name="Plan">The name of its SQL, <see cref="Messages.MaskingState.PlanOf"/>.</param>
/// <param name="Sql">Null where the plan is the one that the agent reported just before.</param>
/// <param name="FoundAt">By the agent's clock.</param>
public sealed record ResourceMaskingReported(
    string Resource, string Agent, string Database, string Plan, Messages.MaskingStatus Status, string? Reason, string? Sql,
    IReadOnlyList<Messages.MaskingFinding> Findings, DateTimeOffset FoundAt) : IEvent;

/// <summary>An admin ordered exactly this SQL to be run, and consented to the agent keeping the database's masks as policies say from then on.</summary>
public sealed record ResourceMaskingOrdered(string Resource, string Database, string Plan, Identity.Actor By) : IEvent;

/// <summary>What the relations of a database and their columns are called, as an agent found, where it is not what it found before.</summary>
/// <param name="Hash"><see cref="Messages.CatalogNames.HashOf"/> the relations.</param>
/// <param name="Relations">Empty where there are too many names.</param>
/// <param name="IsAll">Whether these are all.</param>
public sealed record ResourceCatalogReported(
    string Resource, string Agent, string Database, string Hash, IReadOnlyList<Messages.RelationNames> Relations, bool IsAll) : IEvent;
