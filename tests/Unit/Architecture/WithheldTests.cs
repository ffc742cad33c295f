using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;
using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

public sealed class WithheldTests
{
    /// <summary>Members whose name says that they are about a secret; another one has to be thought of before it is shown.</summary>
    private static readonly string[] Telling = ["verifier", "hash", "secret", "password", "credential", "token"];

    /// <summary>Whether one may log in by token, and the hash of a text that the same event holds.</summary>
    private static readonly string[] Harmless = ["TokenLogin", "Hash"];

    [Fact]
    public void What_is_withheld_is_a_member_of_its_event() => Assert.All(Withheld.Members, m =>
        Assert.Contains(m.Value, JsonSerializer.SerializeToElement(Sample.Of(m.Key), m.Key, Json.Options).EnumerateObject().Select(p => p.Name)));

    [Fact]
    public void Whatever_is_called_a_secret_in_an_event_is_withheld() => Assert.Empty(
        from type in typeof(IEvent).Assembly.GetTypes()
        where type.IsAssignableTo(typeof(IEvent)) && type is { IsAbstract: false, IsInterface: false }
        from member in type.GetProperties()
        where Telling.Any(t => member.Name.Contains(t, StringComparison.OrdinalIgnoreCase)) && !Harmless.Contains(member.Name)
        where !Withheld.Members.TryGetValue(type, out var hidden) || !hidden.Equals(member.Name, StringComparison.OrdinalIgnoreCase)
        select $"{type.Name}.{member.Name}");
}
