using System.Collections.Frozen;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Directives;

/// <summary>Kind of a directive ↔ its body.</summary>
internal static class Bodies
{
    private static readonly FrozenDictionary<string, Type> Types = new Dictionary<string, Type>
    {
        [DirectiveKinds.Policy] = typeof(PublishedPolicy),
        [DirectiveKinds.Grant] = typeof(GrantLease),
        [DirectiveKinds.GrantEnded] = typeof(GrantEnd),
        [DirectiveKinds.Ticket] = typeof(TicketOffer),
        [DirectiveKinds.Lock] = typeof(LockOrder),
        [DirectiveKinds.LockLifted] = typeof(LockLift),
        [DirectiveKinds.Terminate] = typeof(TerminateOrder),
        [DirectiveKinds.RequestClosed] = typeof(RequestClosure),
        [DirectiveKinds.HoldDecided] = typeof(HoldDecision),
        [DirectiveKinds.MaskingApply] = typeof(MaskingApply),
        [DirectiveKinds.State] = typeof(AgentState),
        [DirectiveKinds.Lease] = typeof(LeaseAnswer),
        [DirectiveKinds.LeaseRefused] = typeof(LeaseRefusal),
        [DirectiveKinds.Keys] = typeof(KeyRing),
        [DirectiveKinds.SegmentAccepted] = typeof(SegmentReceipt),
        [DirectiveKinds.SegmentRefused] = typeof(SegmentRefusal),
        [DirectiveKinds.LoginAnswer] = typeof(LoginAnswer),
        [DirectiveKinds.SpoolKey] = typeof(SpoolKeyAnswer),
    }.ToFrozenDictionary();

    /// <summary>Null for a kind that this version does not know.</summary>
    public static Type? TypeOf(string kind) => Types.GetValueOrDefault(kind);

    /// <exception cref="JsonException">The body is not what the kind promises.</exception>
    public static object Read(Directive directive) =>
        JsonSerializer.Deserialize(directive.Body, TypeOf(directive.Kind)!, Json.Options) ?? throw new JsonException($"the body of `{directive.Kind}` is empty");
}
