using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Policy;

/// <summary>Questions about people that both planes must answer alike: who an entitlement is for, who may review, who is the same person as whom.</summary>
public static class AccessQuery
{
    /// <summary>Whether every link that holds rights is selected, and no link at all is disabled.</summary>
    public static bool Selects(this PolicyModel policy, Who who, Actor actor) =>
        !policy.IsDisabled(actor) && actor.RightsLinks.All(link => policy.SelectsLink(who, link));

    public static bool IsDisabled(this PolicyModel policy, Actor actor) =>
        actor.Links.Any(link => policy.Directory.Disabled.Any(d => policy.SamePerson(d, link.Key)));

    /// <summary>Whether a rule's `unless` is for an actor: for every link of the chain, because what one of them is shown, all are.</summary>
    public static bool Excepts(this PolicyModel policy, Who? unless, Actor actor) =>
        unless is not null && !policy.IsDisabled(actor) && actor.Links.All(link => policy.SelectsLink(unless, link));

    /// <summary>The entitlements that an actor may ask for.</summary>
    public static IEnumerable<Entitlement> EntitlementsOf(this PolicyModel policy, Actor actor) =>
        policy.Entitlements.Where(e => policy.Selects(e.Who, actor));

    public static bool IsMember(this PolicyModel policy, string group, Actor link) =>
        policy.Directory.Groups.TryGetValue(group, out var members) ? members.Contains(link.Key) : link.Groups.Contains(group);

    /// <summary>One person may have several identities: <see cref="PeopleDirectory.SamePerson"/>, read transitively.</summary>
    public static bool SamePerson(this PolicyModel policy, string one, string other) => policy.PersonOf(one) == policy.PersonOf(other);

    /// <summary>A name for the person behind an identity, the same for all linked identities: the least of their keys.</summary>
    public static string PersonOf(this PolicyModel policy, string key)
    {
        var person = new HashSet<string>(StringComparer.Ordinal) { key };
        for (var grew = true; grew;)
        {
            grew = false;
            foreach (var set in policy.Directory.SamePerson.Where(s => s.Any(person.Contains)))
            {
                foreach (var identity in set)
                {
                    grew |= person.Add(identity);
                }
            }
        }
        return person.Min(StringComparer.Ordinal)!;
    }

    /// <summary>Everyone whose interest the actor carries: each link of its chain, and the owners of those that are workloads, transitively.</summary>
    public static IReadOnlySet<string> Behind(this PolicyModel policy, Actor actor) => policy.Behind([.. actor.Links.Select(l => l.Key)]);

    private static HashSet<string> Behind(this PolicyModel policy, params string[] keys)
    {
        var people = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(keys);
        while (open.TryPop(out var key))
        {
            if (people.Add(policy.PersonOf(key)))
            {
                foreach (var (workload, owner) in policy.Directory.Owners)
                {
                    if (policy.SamePerson(workload, key))
                    {
                        open.Push(owner);
                    }
                }
            }
        }
        return people;
    }

    /// <summary>Why <paramref name="reviewer"/> may not review for <paramref name="requester"/> in a step; null when they may.</summary>
    public static Refusal? WhyNotReview(this PolicyModel policy, ApprovalStep step, Actor requester, Actor reviewer)
    {
        if (policy.IsDisabled(reviewer))
        {
            return new Refusal("reviewer-disabled", $"`{reviewer.Display}` is disabled and cannot review");
        }
        // INVARIANT: nobody approves their own request: not as admin, not by a linked identity, a delegation chain, or a workload either of them owns.
        if (policy.Behind(requester).Overlaps(policy.Behind(reviewer)))
        {
            return new Refusal("self-review", $"`{reviewer.Display}` is the requester, or acts for them, or belongs to them: ask another approver");
        }
        if (reviewer.Act.Count > 0 || reviewer.Kind != ActorKind.Person)
        {
            return new Refusal("reviewer-not-a-person", $"`{reviewer.Display}` is not a person acting themselves: only people review");
        }
        return policy.SelectsLink(step.From, reviewer)
            ? null
            : new Refusal("not-an-approver", $"`{reviewer.Display}` is not an approver of this step: it is for {policy.Describe(step.From)}");
    }

    /// <summary>Why somebody may not review what was done behind the broken glass of an entitlement; null where they may.</summary>
    /// <param name="then">Who reviewed when the glass was broken: they still do where the policy of today says nothing of it, so that no debt is left without anybody.</param>
    public static Refusal? WhyNotReviewGlass(this PolicyModel policy, string entitlement, Who? then, Actor holder, Actor reviewer)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return (policy.Entitlement(entitlement)?.BreakGlass?.From ?? then) is { } from
            ? policy.WhyNotReview(new ApprovalStep(from, 1), holder, reviewer)
            : new Refusal("not-an-approver", $"the policy names no reviewers for `{entitlement}`");
    }

    /// <summary>
    /// Distinct persons, known to the policy's directory, who could review in a step; null where the step also takes people whom the
    /// directory does not list, so that nobody can tell.
    /// </summary>
    /// <param name="requester">Null asks in general.</param>
    public static int? KnownReviewers(this PolicyModel policy, ApprovalStep step, Actor? requester = null) => policy.KnownPersons(step.From, requester)?.Count;

    private static HashSet<string>? KnownPersons(this PolicyModel policy, Who from, Actor? requester)
    {
        IEnumerable<string> known;
        if (from.Groups.Count > 0 && from.Groups.All(policy.Directory.Groups.ContainsKey))
        {
            known = from.Groups.SelectMany(g => policy.Directory.Groups[g]);
        }
        else if (from.Groups.Count == 0 && from.Subjects.Count > 0)
        {
            known = from.Subjects;
        }
        else
        {
            return null;
        }
        var behind = requester is null ? new HashSet<string>() : policy.Behind(requester);
        return known
            .Where(k => from.Subjects.Count == 0 || from.Subjects.Contains(k))
            .Where(k => from.Issuers.Count == 0 || from.Issuers.Any(i => k.StartsWith(i + "|", StringComparison.Ordinal)))
            .Where(k => !policy.Directory.Disabled.Any(d => policy.SamePerson(d, k)))
            // who belongs to the requester, as much as who the requester belongs to
            .Where(k => !behind.Overlaps(policy.Behind(k)))
            .Select(policy.PersonOf)
            .ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// The first step that cannot be filled with people who are known, each person counting once in the whole request; null when all can, or when
    /// nobody can tell.
    /// </summary>
    /// <param name="requester">Null asks for a requester in general: could anyone at all get it approved.</param>
    public static int? UnfillableStep(this PolicyModel policy, IReadOnlyList<ApprovalStep> steps, Actor? requester)
    {
        ArgumentNullException.ThrowIfNull(steps);
        // bipartite matching of seats and persons by augmenting paths: one person in two groups fills one seat only
        var seatOf = new Dictionary<string, int>(StringComparer.Ordinal);
        var seats = new List<IReadOnlySet<string>>();
        for (var i = 0; i < steps.Count; i++)
        {
            if (policy.KnownPersons(steps[i].From, requester) is not { } persons)
            {
                continue;
            }
            if (persons.Count < steps[i].Count)
            {
                return i;
            }
            for (var n = 0; n < steps[i].Count; n++)
            {
                seats.Add(persons);
                if (!Seat(seats.Count - 1, []))
                {
                    return i;
                }
            }
        }
        return null;

        bool Seat(int seat, HashSet<string> tried)
        {
            foreach (var person in seats[seat].Where(tried.Add))
            {
                if (!seatOf.TryGetValue(person, out var other) || Seat(other, tried))
                {
                    seatOf[person] = seat;
                    return true;
                }
            }
            return false;
        }
    }

    /// <summary>Whether a person is among those who approve an entitlement, whoever asks: they may also revoke what came of it.</summary>
    public static bool Approves(this PolicyModel policy, Entitlement entitlement, Actor actor)
    {
        ArgumentNullException.ThrowIfNull(entitlement);
        ArgumentNullException.ThrowIfNull(actor);
        var approval = entitlement.Approval;
        return actor is { Act.Count: 0, Kind: ActorKind.Person } && !policy.IsDisabled(actor) &&
            (approval?.Steps ?? []).Append(approval?.Fallback).OfType<ApprovalStep>().Select(s => s.From).Append(entitlement.BreakGlass?.From)
                .OfType<Who>().Any(from => policy.SelectsLink(from, actor));
    }

    /// <summary>Whether a lock is on an actor: on any link of the chain, on another identity of the same person, or on everything.</summary>
    public static bool Meets(this PolicyModel policy, Events.LockTarget on, Actor actor)
    {
        ArgumentNullException.ThrowIfNull(on);
        ArgumentNullException.ThrowIfNull(actor);
        return on.Everything == true || (on.Actor is { } locked && actor.Links.Any(link => policy.SamePerson(locked, link.Key)));
    }

    /// <summary>For people to read: who a selector is for.</summary>
    public static string Describe(this PolicyModel policy, Who who)
    {
        var parts = new List<string>();
        parts.AddRange(who.Groups.Select(g => $"group `{g}`"));
        parts.AddRange(who.Subjects.Select(s => $"`{s}`"));
        parts.AddRange(who.Issuers.Select(i => $"issuer `{i}`"));
        parts.AddRange(who.Kinds.Select(k => $"kind `{k}`"));
        parts.AddRange(who.Claims.Select(c => $"claim `{c.Key}: {c.Value}`"));
        return parts.Count == 0 ? "nobody" : string.Join(", ", parts);
    }

    private static bool SelectsLink(this PolicyModel policy, Who who, Actor link) =>
        !who.IsEmpty &&
        (who.Groups.Count == 0 || who.Groups.Any(g => policy.IsMember(g, link))) &&
        (who.Subjects.Count == 0 || who.Subjects.Contains(link.Key)) &&
        (who.Issuers.Count == 0 || who.Issuers.Contains(link.Issuer)) &&
        (who.Kinds.Count == 0 || who.Kinds.Contains(link.Kind)) &&
        who.Claims.All(c => link.Claims.TryGetValue(c.Key, out var value) && value == c.Value);
}
