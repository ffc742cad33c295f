using AccessPlane.Contracts.Identity;

namespace AccessPlane.Tests.Unit.Domain;

/// <summary>The cast of the tests.</summary>
public static class People
{
    public const string Issuer = "https://idp.example";

    public static Actor Engineer { get; } = Person("engineer", "engineering");
    public static Actor Engineer2 { get; } = Person("engineer2", "engineering");
    public static Actor Dba { get; } = Person("dba", "dba");
    public static Actor Dba2 { get; } = Person("dba2", "dba");
    public static Actor Dba3 { get; } = Person("dba3", "dba");
    public static Actor Security { get; } = Person("security", "security");
    public static Actor OnCall { get; } = Person("on-call", "on-call", "engineering");
    public static Actor Admin { get; } = Person("admin", "admins");
    public static Actor Stranger { get; } = Person("stranger");
    public static Actor Ci { get; } = Person("ci", "ci") with { Kind = ActorKind.Workload };

    /// <summary>An AI agent that acts for the engineer.</summary>
    public static Actor Assistant { get; } =
        Engineer with { Act = [Person("assistant", "ai-agents", "ai-assistants") with { Kind = ActorKind.AiAgent }] };

    public static Actor Person(string name, params string[] groups) =>
        new(Issuer, name, name, ActorKind.Person, groups, new Dictionary<string, string>(), []);
}
