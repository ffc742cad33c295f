using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Holds;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>Tells approvers of each operation that waits for them, and how it was decided.</summary>
public sealed class WhenHoldNeedsReview(EventLog log, Announcer announcer, IConfiguration configuration) : WhenApproversMustKnow<Hold>(log, announcer, configuration)
{
    public override string Name => "hold-notifications";

    public override IReadOnlyCollection<string> Types { get; } = [.. Hold.EventTypes.Select(EventNames.Of)];

    protected override Hold Initial => Hold.Initial;

    protected override Hold Evolve(Hold state, IEvent e) => Hold.Evolve(state, e);

    protected override IEnumerable<(string Key, object Body)> Tell(Hold before, Hold after, string url) => Changes(before, after, url);

    /// <summary>Routing keys and bodies of what a change means to approvers.</summary>
    internal static IEnumerable<(string Key, object Body)> Changes(Hold before, Hold after, string url) => after switch
    {
        Hold.Waiting w when before is Hold.None => Keys("hold.opened", [w.Held.From]).Select(key => (key, (object)HoldNotification.Of(w, url))),
        Hold.Known k and not Hold.Waiting when before.Name != k.Name => Keys("hold.decided", [k.Held.From]).Select(key => (key, (object)HoldDecided.Of(k, url))),
        _ => [],
    };
}

/// <summary>`hold.opened.GROUP`: everything that an approver needs to decide, and to answer with. The operation waits, and with it its client and
/// perhaps a transaction: `expiresAt` is soon.</summary>
/// <param name="ExpectedVersion">To be sent back with the review.</param>
public sealed record HoldNotification(
    string Kind, Guid Id, int ExpectedVersion, NotifiedWho Who, HeldWhat What, HeldWhy Why, DateTimeOffset ExpiresAt, HoldLinks Links)
{
    internal static HoldNotification Of(Hold.Waiting state, string url) => new(
        "hold", state.Id, Hold.Terms, NotifiedWho.Of(state.Held.Holder), HeldWhat.Of(state.Held), HeldWhy.Of(state.Held), state.Held.ExpiresAt,
        HoldLinks.Of(state.Id, url));
}

/// <summary>`hold.decided.GROUP`.</summary>
public sealed record HoldDecided(string Kind, Guid Id, string State, NotifiedWho Who, HeldWhat What, HoldLinks Links)
{
    internal static HoldDecided Of(Hold.Known state, string url) => new(
        "hold", state.Id, state.Name, NotifiedWho.Of(state.Held.Holder), HeldWhat.Of(state.Held), HoldLinks.Of(state.Id, url));
}

/// <param name="Text">Complete; what hides, reorders or looks like something else is spelled out as ⟨U+202E⟩ (<see cref="ShownText"/>).</param>
/// <param name="TextHash">SHA-256 of the statement's own bytes.</param>
/// <param name="Runs">What it runs by name (`execute`, `fetch`): what follows is of all together.</param>
/// <param name="Statements">Their kinds, and <paramref name="Count"/> how many of them the text itself holds.</param>
/// <param name="Columns">Which, and where they stand.</param>
/// <param name="Opaque">Why it may do more than can be read here.</param>
/// <param name="Transaction">`I` none, `T` open: its locks are held while it waits.</param>
/// <param name="Rows">The planner's estimate; absent where there is none.</param>
public sealed record HeldWhat(
    string Resource, string Database, string Role, string Entitlement, Guid Session, long Op, string Text, string TextHash, IReadOnlyList<HeldRun> Runs,
    IReadOnlyList<HeldParameter> Parameters, string Transaction, IReadOnlyList<string> Statements, int Count, IReadOnlyList<string> Relations,
    IReadOnlyList<string> Columns, IReadOnlyList<string> Functions, bool Unbounded, string? Opaque, int Risk, long? Rows)
{
    internal static HeldWhat Of(OperationHeld held)
    {
        var o = held.Operation;
        var facts = ShownText.Of(o.Facts);
        return new HeldWhat(
            o.Resource, ShownText.Of(o.Database), ShownText.Of(o.Role), held.Entitlement, o.Session, o.Op, ShownText.Of(o.Text), o.TextHash,
            ShownText.Of(o.Runs), ShownText.Of(o.Parameters), o.Transaction, facts.Kinds, facts.Statements,
            [.. facts.Relations.Select(r => $"{r.Name} ({r.Access.ToString().ToLowerInvariant()})")],
            [.. facts.Columns.Select(c => $"{c.Column} ({c.Place.ToString().ToLowerInvariant()})")], facts.Functions, facts.Unbounded, facts.Opaque, o.Risk, o.Rows);
    }
}

/// <param name="Reasons">Of every rule that matched.</param>
public sealed record HeldWhy(string Rule, IReadOnlyList<Reason> Reasons)
{
    internal static HeldWhy Of(OperationHeld held) => new(held.Operation.Rule, ShownText.Of(held.Operation.Reasons));
}

public sealed record HoldLinks(string Hold, string Reviews)
{
    internal static HoldLinks Of(Guid hold, string url) => new($"{url}/v1/holds/{hold:D}", $"{url}/v1/holds/{hold:D}/reviews");
}
