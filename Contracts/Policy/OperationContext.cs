using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Policy;

/// <summary>Under which right, by whom and where an operation is asked for.</summary>
/// <param name="Entitlement">The id that a refusal names.</param>
/// <param name="InTransaction">Inside a transaction block: what it locks stays locked while it waits.</param>
public sealed record OperationContext(
    string Resource, Actor Holder, string Entitlement, Scope Scope, bool InTransaction = false);
