using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Projections;

/// <param name="State">Waiting, Released, Refused, Lapsed, Abandoned. As recorded: <see cref="At"/> gives it as of now.</param>
/// <param name="Text">The statement, complete, with everything that hides or reorders text spelled out as ⟨U+202E⟩ (<see cref="ShownText"/>).</param>
/// <param name="TextHash">SHA-256 of the statement's own bytes, lower-case hex.</param>
/// <param name="Parameters">Bound values, texts spelled out likewise, as are <paramref name="Runs"/>, <paramref name="Facts"/> and <paramref name="Reasons"/>.</param>
/// <param name="Runs">What it runs by name (`execute`, `fetch`): the facts are those of all together.</param>
/// <param name="Transaction">Of the session at the database: `I` none, `T` open, `E` failed.</param>
/// <param name="Rows">How many rows the database's planner expects it to touch.</param>
/// <param name="From">Who decides, and <paramref name="Count"/> how many of them must approve.</param>
/// <param name="Cause">Why it did not run.</param>
/// <param name="Terms">The `expectedVersion` of reviews.</param>
/// <param name="Version">Of the hold's stream: the ETag.</param>
public sealed record HoldRow(
    Guid Id, string State, string Resource, string Agent, Guid Session, Guid Grant, long Op, Actor Holder, string Entitlement, string Database, string Role,
    string Client, string Protocol, string Text, string TextHash, IReadOnlyList<HeldRun> Runs, IReadOnlyList<HeldParameter> Parameters, string Transaction,
    StatementFacts Facts, int Risk, long? Rows, string Rule, IReadOnlyList<Reason> Reasons, Who From, int Count, IReadOnlyList<ReviewRow> Reviews, DateTimeOffset HeldAt,
    DateTimeOffset ExpiresAt, DateTimeOffset? EndedAt, string? EndedBy, string? Cause, string Binding, long PolicyVersion, int Terms, long Version)
{
    /// <summary>The row as of now: a hold whose time is over has lapsed, whether or not a timer has recorded it.</summary>
    public HoldRow At(DateTimeOffset now) => State == "Waiting" && now >= ExpiresAt ? this with { State = "Lapsed", EndedAt = ExpiresAt } : this;
}

/// <summary>Every operation that had to wait for people, whatever became of it.</summary>
public sealed class HeldOperations() : Projection<HoldRow>(
    "holds",
    typeof(OperationHeld), typeof(HoldReviewGiven), typeof(HoldReviewLapsed), typeof(HoldReviewRefused), typeof(HoldReleased), typeof(HoldRefused),
    typeof(HoldLapsed), typeof(HoldAbandoned))
{
    public override IReadOnlyList<string> Columns =>
    [
        "state text GENERATED ALWAYS AS (row ->> 'state') STORED",
        "session text GENERATED ALWAYS AS (row ->> 'session') STORED",
    ];

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        ("state", "(state, key)"),
        ("session", "(session, key)"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var key = stored.Stream.ToString("D");
        yield return stored.Event is OperationHeld held
            ? Begin(key, Held(held, stored))
            : Update(key, row => Apply(row, stored) with { Version = stored.Version });
    }

    private static HoldRow Held(OperationHeld e, Stored stored)
    {
        var o = e.Operation;
        return new HoldRow(
            e.Hold, "Waiting", o.Resource, e.Agent, o.Session, o.Grant, o.Op, e.Holder, e.Entitlement, ShownText.Of(o.Database), ShownText.Of(o.Role), ShownText.Of(o.Client),
            o.Protocol, ShownText.Of(o.Text), o.TextHash, ShownText.Of(o.Runs), ShownText.Of(o.Parameters),
            o.Transaction, ShownText.Of(o.Facts), o.Risk, o.Rows, o.Rule, ShownText.Of(o.Reasons), e.From, e.Count, [], stored.At, e.ExpiresAt, null, null, null, o.Binding,
            o.PolicyVersion, 1, stored.Version);
    }

    private static HoldRow Apply(HoldRow row, Stored stored) => stored.Event switch
    {
        HoldReviewGiven e => row with { Reviews = [.. row.Reviews, new ReviewRow(e.Review, e.Reviewer, e.Verdict, e.Comment, stored.At, false, null)] },
        HoldReviewLapsed e => row with { Reviews = [.. row.Reviews.Select(r => r.Id == e.Review ? r with { Lapsed = true, Why = e.Why } : r)] },
        HoldReleased e => row with { State = "Released", EndedAt = stored.At, EndedBy = e.By },
        HoldRefused e => row with { State = "Refused", EndedAt = stored.At, EndedBy = e.Reviewer.Display, Cause = e.Comment },
        HoldLapsed e => row with { State = "Lapsed", EndedAt = e.Due },
        HoldAbandoned e => row with { State = "Abandoned", EndedAt = stored.At, Cause = e.Why },
        _ => row,
    };
}
