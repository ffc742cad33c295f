using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

public sealed class IdempotencyTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private async Task<(HttpStatusCode Status, JsonElement Body)> Ask(string subject, string? key, string reason, string path = "/v1/requests")
    {
        using var client = host.Client(subject, "engineering");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(new { entitlement = "orders-write", reason }) };
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken));
    }

    private static Guid Id((HttpStatusCode Status, JsonElement Body) got)
    {
        Assert.True(got.Status == HttpStatusCode.Created, got.Body.ToString());
        return got.Body.GetProperty("id").GetGuid();
    }

    [Fact]
    public async Task The_same_key_and_body_are_the_same_command()
    {
        var first = Id(await Ask("engineer", "a-key", "one"));
        Assert.Equal(first, Id(await Ask("engineer", "a-key", "one")));
        Assert.Equal(first, Id(await Ask("engineer", "a-key", "one", "/V1/Requests/")));
    }

    [Fact]
    public async Task Twenty_at_once_under_one_key_are_one_request()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Ask("engineer", "many", "one")));
        Assert.Single(all.Select(Id).Distinct());
    }

    [Fact]
    public async Task Another_body_under_the_same_key_is_refused_and_the_first_stands()
    {
        var first = Id(await Ask("engineer", "b-key", "one"));
        var other = await Ask("engineer", "b-key", "two");
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "idempotency-key-reused"), (other.Status, other.Body.GetProperty("code").GetString()));
        Assert.Equal(first, Id(await Ask("engineer", "b-key", "one")));
    }

    [Fact]
    public async Task Keys_are_the_callers_own() => Assert.NotEqual(Id(await Ask("engineer", "c-key", "one")), Id(await Ask("engineer2", "c-key", "two")));

    [Fact]
    public async Task Without_a_key_every_call_is_a_command() => Assert.NotEqual(Id(await Ask("engineer3", null, "one")), Id(await Ask("engineer3", null, "one")));

    [Fact]
    public async Task A_key_must_not_be_empty()
    {
        var got = await Ask("engineer", "", "one");
        Assert.Equal((HttpStatusCode.UnprocessableEntity, "invalid-idempotency-key"), (got.Status, got.Body.GetProperty("code").GetString()));
    }

    [Fact]
    public async Task A_key_has_at_most_two_hundred_characters()
    {
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Ask("engineer", new string('k', 201), "one")).Status);
        Id(await Ask("engineer", new string('k', 200), "one"));
    }

    [Fact]
    public async Task Input_that_was_refused_may_be_mended_under_the_same_key()
    {
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Ask("engineer", "d-key", new string('x', 5_000))).Status);
        Id(await Ask("engineer", "d-key", "shorter"));
    }

    /// <summary>Whoever published meanwhile is not overwritten by what was on its way twice.</summary>
    [Fact]
    public async Task A_publication_that_comes_again_does_not_undo_the_one_behind_it()
    {
        Task<Answered> Publish(string remark, string key, long? ifMatch = null) =>
            host.Send(HttpMethod.Put, "/v1/policies", "admin", "admins", $"{SharedControlPlane.Policy}\n# {remark}\n", ifMatch, key);
        var current = (await host.Get("/v1/policies/current")).GetProperty("version").GetInt64();
        var first = await Publish("the first", "first", current);
        var (second, again) = (await Publish("the second", "second", first.Version), await Publish("the first", "first", current));
        Assert.Equal((200, 200, 200), (first.Status, second.Status, again.Status));
        Assert.Equal((current + 2, current + 2), (second.Version, again.Version));
        Assert.Contains("# the second", (await host.Get("/v1/policies/current")).GetProperty("text").GetString(), StringComparison.Ordinal);

        // without its key it would be another
        Assert.Equal("412 version-mismatch", (await Publish("the first", "third", current)).Code);
        Assert.Equal("422 idempotency-key-reused", (await Publish("something else", "first")).Code);
    }

    [Fact]
    public async Task A_lock_that_is_lifted_again_under_the_same_key_is_answered_as_the_first_time()
    {
        var placed = (await host.Send(HttpMethod.Post, "/v1/locks", "admin", "admins", new { on = new { agent = "no-agent" }, reason = "x" })).Id;
        Task<Answered> Lift(string key) => host.Send(HttpMethod.Delete, $"/v1/locks/{placed}", "admin", "admins", key: key);
        var (first, again, other) = (await Lift("lifts"), await Lift("lifts"), await Lift("lifts again"));
        Assert.Equal((200, "Lifted", first.ETag), (first.Status, first.State, again.ETag));
        Assert.Equal((200, "Lifted"), (again.Status, again.State));
        Assert.Equal("409 lock-lifted", other.Code);
    }
}
