using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Policies;
using Xunit;

namespace AccessPlane.Tests.Unit.Domain;

/// <summary>The circumstances of a test: a policy as its author would write it, a time, locks.</summary>
public static class World
{
    public static readonly DateTimeOffset Noon = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>Two database administrators, then security for half an hour or more.</summary>
    public const string Text = """
        resources:
          - { id: orders, kind: postgresql }
        entitlements:
          - id: read
            resource: orders
            who: { groups: [engineering, ci, ai-assistants] }
            scope: { databases: [orders], statements: [select, explain] }
            max-duration: 8h
            activate-within: 30m
            approval: { auto: true }
            tickets: { max-connections: 50 }
            token-login: { kinds: [workload, ai-agent, person] }
          - id: write
            resource: orders
            who: { groups: [engineering, ai-assistants] }
            scope: { databases: [orders] }
            max-duration: 2h
            max-total: 4h
            activate-within: 30m
            reason: { required: true, reference: '^[A-Z]+-[0-9]+$' }
            approval:
              steps:
                - { from: { groups: [dba] }, count: 2 }
                - { from: { groups: [security] }, count: 1, unless: { duration-under: 30m } }
              expires: 1h
            tickets: { max-connections: 10 }
          - id: glass
            resource: orders
            who: { groups: [on-call] }
            break-glass: { duration: 1h, review-within: 24h, from: { groups: [security] } }
        directory:
          groups:
            dba: ['https://idp.example|dba', 'https://idp.example|dba2', 'https://idp.example|dba3']
            security: ['https://idp.example|security']
          owners: { 'https://idp.example|ci': 'https://idp.example|engineer' }
        """;

    public static Circumstances Today { get; } = With(Text);

    /// <summary>The policy with some of its text replaced.</summary>
    public static Circumstances Changed(string from, string to, long version = 2)
    {
        Assert.Contains(from, Text, StringComparison.Ordinal);
        return With(Text.Replace(from, to, StringComparison.Ordinal), version);
    }

    public static Circumstances With(string text, long version = 1)
    {
        var reading = PolicyYaml.Read(text);
        Assert.DoesNotContain(reading.Problems, p => p.Severity == ProblemSeverity.Error);
        return new Circumstances(Noon, new PublishedPolicy(version, "", reading.Model!), ActiveLocks.None);
    }

    public static Circumstances After(this Circumstances world, string duration) => world with { Now = world.Now + Durations.Parse(duration)!.Value };

    public static Circumstances LockedOn(this Circumstances world, LockTarget on, DateTimeOffset? until = null) =>
        world with { Locks = world.Locks.With(new LockPlaced(new Guid("0199aaaa-0000-7000-8000-0000000000ff"), on, "under investigation", until, People.Admin)) };
}
