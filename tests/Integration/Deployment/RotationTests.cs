using System.Net;
using System.Net.Http.Json;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>The log's and the broker's password are changed as docs/operations.md has it: there, in the files of `Secrets:Path`, and by restarts one after the other.</summary>
public sealed class RotationTests : IAsyncLifetime
{
    private readonly string secrets = Directory.CreateTempSubdirectory("accessplane-secrets-").FullName;
    private readonly string name = $"rotated-{Guid.CreateVersion7():N}";
    private ControlPlaneHost world = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A database, a virtual host and an issuer; the control planes are started by the tests.</summary>
    public async ValueTask InitializeAsync()
    {
        world = await ControlPlaneHost.Start();
        await world.Stop();
        await OnServer($"CREATE ROLE \"{name}\" LOGIN", null);
        await OnServer("DROP SCHEMA accessplane CASCADE", world.Database);
        await OnServer($"ALTER DATABASE {new NpgsqlConnectionStringBuilder(world.Database).Database} OWNER TO \"{name}\"", null);
    }

    public async ValueTask DisposeAsync()
    {
        await world.DisposeAsync();
        await OnServer($"DROP ROLE \"{name}\"", null);
        using var api = Servers.RabbitManagement();
        (await api.DeleteAsync(new Uri($"api/users/{name}", UriKind.Relative))).EnsureSuccessStatusCode();
        Directory.Delete(secrets, recursive: true);
    }

    private static async Task OnServer(string sql, string? database)
    {
        await using var server = NpgsqlDataSource.Create($"{database ?? Servers.Postgres};Pooling=false");
        await using var command = server.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private string Log(string password) => new NpgsqlConnectionStringBuilder(world.Database) { Username = name, Password = password }.ConnectionString;

    /// <summary>There: in PostgreSQL and in RabbitMQ.</summary>
    private async Task Change(string password)
    {
        await OnServer($"ALTER ROLE \"{name}\" PASSWORD '{password}'", null);
        await Servers.CreateBrokerUser(world.Broker, name, password);
        using var api = Servers.RabbitManagement();
        (await api.PutAsJsonAsync($"api/users/{name}", new { password, tags = "administrator" }, Cancel)).EnsureSuccessStatusCode();
    }

    private async Task Replace(string password)
    {
        string At(string address) => new UriBuilder(address) { UserName = name, Password = password }.Uri.AbsoluteUri;
        foreach (var (file, secret) in new[] { ("ConnectionStrings__Log", Log(password)), ("Broker__Uri", At(world.Broker)), ("Broker__ManagementUri", At(Servers.RabbitApi)) })
        {
            await File.WriteAllTextAsync($"{secrets}/{file}.new", $"{secret}\n", Cancel);
            File.Move($"{secrets}/{file}.new", $"{secrets}/{file}", overwrite: true);
        }
    }

    private Task<ControlPlaneHost> Start() => ControlPlaneHost.Start(settings: [$"--Secrets:Path={secrets}"], like: world);

    private static async Task IsReady(ControlPlaneHost plane)
    {
        using var anybody = plane.Client();
        var said = "";
        var patience = System.Diagnostics.Stopwatch.StartNew();
        for (HttpStatusCode? status = null; status != HttpStatusCode.OK;)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"it is not ready: {said}");
            using var answer = await anybody.GetAsync(new Uri("/health/ready", UriKind.Relative), Cancel);
            (status, said) = (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancel));
            await Task.Delay(50, Cancel);
        }
    }

    private async Task<string?> WhyNoLogin(string password)
    {
        try
        {
            await OnServer("SELECT 1", Log(password));
            return null;
        }
        catch (PostgresException refused)
        {
            return refused.SqlState;
        }
    }

    [Fact]
    public async Task Control_planes_that_are_restarted_one_after_the_other_go_on_with_the_new_passwords_alone()
    {
        await Change("the first");
        await Replace("the first");
        var (one, two) = (await Start(), await Start());
        await IsReady(one);
        await IsReady(two);
        await one.Publish(SharedControlPlane.Policy);
        var asked = await one.Ask("engineer", "orders-write");

        await Change("the second");
        Assert.Equal(PostgresErrorCodes.InvalidPassword, await WhyNoLogin("the first"));
        // a file that was forgotten is not made up for by anything
        await one.DisposeAsync();
        Assert.Equal(PostgresErrorCodes.InvalidPassword, (await Assert.ThrowsAsync<PostgresException>(Start)).SqlState);

        await Replace("the second");
        one = await Start();
        await IsReady(one);
        await two.DisposeAsync();
        two = await Start();
        await IsReady(two);
        var reviewed = await one.Send(HttpMethod.Post, $"/v1/requests/{asked}/reviews", "dba", "dba", new { verdict = "approve" });
        Assert.Equal((200, "Approved"), (reviewed.Status, reviewed.State));
        Assert.Equal("Approved", (await two.Get($"/v1/requests/{asked}")).GetProperty("state").GetString());
        // whom it makes at the broker it makes as the new one
        var approver = $"again-{Guid.CreateVersion7():N}"[..30];
        Assert.Equal(201, (await two.Send(HttpMethod.Post, "/v1/approvers", "admin", "admins", new { name = approver, groups = new[] { "dba" } })).Status);
        Assert.Equal(204, (await two.Send(HttpMethod.Delete, $"/v1/approvers/{approver}", "admin", "admins")).Status);
        await one.DisposeAsync();
        await two.DisposeAsync();
    }
}
