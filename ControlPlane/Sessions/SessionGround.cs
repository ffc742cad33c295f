using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>
/// What the log says of what a session's first entry names. An agent's word is its own: it cannot make a session out of a grant that was never
/// given, that is somebody else's or for something else, nor at a time when the grant allowed nothing.
/// </summary>
/// <param name="Serves">The resources for which the agent enrolled.</param>
/// <param name="Grant">The stream of the grant that the entry names; empty where there is none.</param>
/// <param name="Unheard">For how long an agent may go on without hearing of the grant's end.</param>
public sealed record SessionGround(IReadOnlyList<string> Serves, IReadOnlyList<Stored> Grant, TimeSpan Unheard)
{
    /// <summary>The entry's time is the control plane's as the agent knew it, by another replica's clock than the grant's times maybe.</summary>
    public static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private const string TicketLogin = "ticket ";
    private static readonly AccessAsOf Access = new();

    /// <summary>The policy in force.</summary>
    public PublishedPolicy Policy { get; init; } = PublishedPolicy.None;

    /// <summary>By the control plane's clock.</summary>
    public DateTimeOffset Now { get; init; } = DateTimeOffset.MaxValue;

    /// <summary>The grant, where there is one.</summary>
    public GrantIssued? Issued => Grant.Select(s => s.Event).OfType<GrantIssued>().FirstOrDefault();

    /// <summary>Why a session cannot have begun so; null where it can.</summary>
    /// <param name="startedAt">By the control plane's clock, as the agent knew it.</param>
    public string? WhyNot(SessionStart start, DateTimeOffset startedAt)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (Issued is not { } issued)
        {
            return $"there is no grant {start.Grant:D}";
        }
        if (!Serves.Contains(start.Resource))
        {
            return $"the agent does not serve the resource `{start.Resource}`";
        }
        if (start.Resource != issued.Resource || start.Entitlement != issued.Entitlement)
        {
            return $"the grant {start.Grant:D} is for `{issued.Entitlement}` on `{issued.Resource}`, not for `{start.Entitlement}` on `{start.Resource}`";
        }
        if (start.Holder.ChainKey != issued.Holder.ChainKey || start.Holder.Display != issued.Holder.Display)
        {
            return $"the grant {start.Grant:D} is not held by `{start.Holder.ChainKey}`";
        }
        if (start.Login.StartsWith(TicketLogin, StringComparison.Ordinal) && !HasTicket(start.Login[TicketLogin.Length..], start.Agent))
        {
            return $"no such ticket was issued for the agent under the grant {start.Grant:D}";
        }
        return WasUsable(startedAt) ? null : $"the grant {start.Grant:D} allowed nothing when the session began";
    }

    /// <summary>What the database was to hide from the session and did not, by the agent's own word; null where nothing is missing, or the session began
    /// under another policy than the one in force.</summary>
    public string? WhatIsUnmasked(SessionStart start)
    {
        ArgumentNullException.ThrowIfNull(start);
        if (Issued is not { } issued || Policy.Version != start.Policy || Policy.Model.Resource(start.Resource)?.Masking != MaskingMode.Server)
        {
            return null;
        }
        if (start.DatabaseLogin is not { } login)
        {
            return "the database is to hide columns, and the session used the agent's own login there";
        }
        string[] missing = [.. ServerMasks.For(Policy.Model, start.Resource, issued.Holder).Masked.Select(m => m.Id).Except(login.MaskedBy)];
        return missing.Length == 0 ? null : $"the database is to hide columns by {string.Join(", ", missing.Select(m => $"`{m}`"))}, and the session's login was not made so";
    }

    private bool HasTicket(string ticket, string agent) =>
        Grant.Select(s => s.Event).OfType<TicketIssued>().Any(t => t.Ticket == ticket && t.Agent == agent);

    private bool WasUsable(DateTimeOffset at)
    {
        if (Access.RowOf(Grant) is not { } row)
        {
            return false;
        }
        var (from, until) = (at - ClockTolerance - Unheard, at + ClockTolerance);
        // what the log holds has happened: a time to come is of a clock that was set back since, and says nothing against a session that began by this one
        return row.Spans.Where((span, i) => (span.From <= until || span.From > Now) && EndOf(row, i) > from).Any();
    }

    /// <summary>A span ends by its time, by the one after it, or with the grant.</summary>
    private static DateTimeOffset EndOf(AccessRow row, int i)
    {
        var next = i + 1 < row.Spans.Count ? row.Spans[i + 1].From : DateTimeOffset.MaxValue;
        var ended = row.EndedAt ?? DateTimeOffset.MaxValue;
        return new[] { row.Spans[i].NotAfter, next, ended }.Min();
    }
}
