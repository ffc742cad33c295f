using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>What the product stands on goes away and comes back.</summary>
public sealed class OutageTests
{
    [Fact]
    public async Task While_the_log_is_away_calls_are_answered_with_503_and_work_again_afterwards()
    {
        await using var host = await ControlPlaneHost.Start();
        await host.Publish(SharedControlPlane.Policy);
        var name = new NpgsqlConnectionStringBuilder(host.Database).Database;
        await using var server = NpgsqlDataSource.Create(Servers.Postgres);
        await Sql($"alter database {name} allow_connections false");
        await Sql($"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'");
        using var client = host.Client("engineer", "engineering");
        var status = await Until(HttpStatusCode.ServiceUnavailable);
        Assert.Contains(status.Code, new[] { "log-unavailable", "not-caught-up" });
        using (var post = await client.PostAsJsonAsync("/v1/requests", new { entitlement = "orders-write", reason = "x" }, TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, post.StatusCode);
            Assert.NotNull(post.Headers.RetryAfter);
        }
        await Sql($"alter database {name} allow_connections true");
        await Until(HttpStatusCode.OK);

        async Task Sql(string text)
        {
            await using var command = server.CreateCommand(text);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        async Task<(HttpStatusCode Status, string? Code)> Until(HttpStatusCode wanted)
        {
            var deadline = TimeProvider.System.GetUtcNow().AddSeconds(30);
            for (; ; )
            {
                using var answer = await client.GetAsync(new Uri("/v1/requests", UriKind.Relative), TestContext.Current.CancellationToken);
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
                if (answer.StatusCode == wanted)
                {
                    return (wanted, body.TryGetProperty("code", out var code) ? code.GetString() : null);
                }
                Assert.True(TimeProvider.System.GetUtcNow() < deadline, body.ToString());
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }
    }

    [Theory]
    [InlineData("http://nobody:wrong@127.0.0.1:1")]
    [InlineData(null)]
    public async Task A_broker_that_cannot_be_managed_is_a_clear_failure(string? management)
    {
        var api = new Uri(Servers.RabbitApi);
        using var admin = new BrokerAdmin(
            Options.Create(new BrokerOptions { Uri = Servers.Amqp, ManagementUri = management ?? $"http://nobody:wrong@{api.Authority}", AgentUri = Servers.Amqp }),
            NullLogger<BrokerAdmin>.Instance);
        var failure = await Assert.ThrowsAsync<UnavailableException>(() => admin.CreateAgent("a", "agent-a", "x", TestContext.Current.CancellationToken));
        Assert.Equal("broker-unavailable", failure.Code);
    }
}
