using AccessPlane.Contracts.Identity;

namespace AccessPlane.Tests.Integration.AccessRequests;

/// <summary>Who acts in these tests, and under which policy.</summary>
internal static class Cast
{
    public static Actor Engineer { get; } = Person("engineer", "engineering");
    public static Actor Dba { get; } = Person("dba", "dba");
    public static Actor Dba2 { get; } = Person("dba2", "dba");
    public static Actor OnCall { get; } = Person("on-call", "on-call");
    public static Actor Security { get; } = Person("security", "security");
    public static Actor Admin { get; } = Person("admin", "admins");
    public static Actor Ci { get; } = Person("ci", "ci") with { Kind = ActorKind.Workload };

    public const string Policy = """
        resources:
          - { id: orders, kind: postgresql }
        entitlements:
          - id: read
            resource: orders
            who: { groups: [engineering, ci] }
            scope: { databases: [orders], statements: [select, explain] }
            max-duration: 8h
            max-total: 16h
            approval: { auto: true }
            tickets: { max-connections: 50 }
          - id: write
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [orders] }
            max-duration: 2h
            max-total: 4h
            approval: { steps: [ { from: { groups: [dba] } } ] }
          - id: deploy
            resource: orders
            who: { groups: [ci] }
            scope: { databases: [orders] }
            approval: { steps: [ { from: { groups: [dba] } } ] }
          - id: brief
            resource: orders
            who: { groups: [engineering] }
            approval: { steps: [ { from: { groups: [dba] } } ], expires: 1s }
          - id: hasty
            resource: orders
            who: { groups: [engineering] }
            activate-within: 1s
            approval: { auto: true }
          - id: glass
            resource: orders
            who: { groups: [on-call] }
            break-glass: { duration: 1h, review-within: 1s, from: { groups: [security] } }
        directory:
          groups: { dba: ['https://idp.example|dba', 'https://idp.example|dba2'] }
        """;

    private static Actor Person(string name, params string[] groups) =>
        new("https://idp.example", name, name, ActorKind.Person, groups, new Dictionary<string, string>(), []);
}
