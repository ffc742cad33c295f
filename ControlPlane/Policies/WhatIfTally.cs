using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Adds up what would have been ruled otherwise. Pure.</summary>
internal sealed class WhatIfTally
{
    public const int MostChanges = 1_000;
    private const int MostExamples = 3;

    private readonly Dictionary<(WhatIfKind Kind, string Actor, string Rule, string Resource), (long Operations, List<string> Examples)> counts = [];

    public long Changed { get; private set; }

    /// <param name="example">The key of one of the operations.</param>
    public void Add(IReadOnlyList<(WhatIfKind Kind, string Rule)> changes, string actor, string resource, long operations, string example)
    {
        Changed += changes.Count > 0 ? operations : 0;
        foreach (var (kind, rule) in changes)
        {
            var (before, examples) = counts.GetValueOrDefault((kind, actor, rule, resource), (0, []));
            if (examples.Count < MostExamples)
            {
                examples.Add(example);
            }
            counts[(kind, actor, rule, resource)] = (before + operations, examples);
        }
    }

    /// <summary>The most frequent first, in an order that is always the same.</summary>
    public IReadOnlyList<(WhatIfChange Change, IReadOnlyList<string> Examples)> Changes =>
    [
        .. counts.OrderByDescending(c => c.Value.Operations).ThenBy(c => c.Key.Kind).ThenBy(c => c.Key.Actor, StringComparer.Ordinal)
            .ThenBy(c => c.Key.Rule, StringComparer.Ordinal).ThenBy(c => c.Key.Resource, StringComparer.Ordinal)
            .Select(c => (new WhatIfChange(c.Key.Kind, c.Key.Actor, c.Key.Rule, c.Key.Resource, c.Value.Operations, []), (IReadOnlyList<string>)c.Value.Examples)),
    ];

    /// <summary>How two rulings of one operation differ in what happens to it.</summary>
    public static IReadOnlyList<(WhatIfKind Kind, string Rule)> Compare(Ruling before, Ruling after)
    {
        var changes = new List<(WhatIfKind, string)>(2);
        var (was, now) = (before.Effect, after.Effect);
        if (was != now && now == Effect.Deny)
        {
            changes.Add((WhatIfKind.AllowToDeny, after.Deciding!.Rule));
        }
        if (was != now && was == Effect.Deny)
        {
            changes.Add((WhatIfKind.DenyToAllow, before.Deciding!.Rule));
        }
        if (was != now && now == Effect.Hold)
        {
            changes.Add((WhatIfKind.HoldGained, after.Deciding!.Rule));
        }
        if (was != now && was == Effect.Hold)
        {
            changes.Add((WhatIfKind.HoldLost, before.Deciding!.Rule));
        }
        // what is denied shows nothing, whichever masks there are
        if (was != Effect.Deny && now != Effect.Deny)
        {
            changes.AddRange(Masks(after).Except(Masks(before)).Select(rule => (WhatIfKind.MaskGained, rule)));
            changes.AddRange(Masks(before).Except(Masks(after)).Select(rule => (WhatIfKind.MaskLost, rule)));
        }
        return changes;
    }

    private static IEnumerable<string> Masks(Ruling ruling) => ruling.Reasons.Where(r => r is { Effect: Effect.Mask, Observed: false }).Select(r => r.Rule);
}
