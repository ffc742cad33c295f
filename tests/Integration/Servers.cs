using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AccessPlane.Tests.Integration;

/// <summary>The servers that infra/test starts. A test that lacks one fails: skipping it would look like passing.</summary>
internal static class Servers
{
    public static string Postgres => Need("ACCESSPLANE_TEST_PG");
    public static string Amqp => Need("ACCESSPLANE_TEST_AMQP");
    public static string RabbitApi => Need("ACCESSPLANE_TEST_RABBIT_API");
    public static string Oidc => Need("ACCESSPLANE_TEST_OIDC");
    public static string OidcSecret => Need("ACCESSPLANE_TEST_OIDC_SECRET");

    public static string Need(string variable) =>
        Environment.GetEnvironmentVariable(variable) ?? throw new InvalidOperationException($"{variable} is not set: run the tests with infra/test");

    /// <summary>For connections that are made by the thousand: not kept, and without the list of all types, which no answer needs.</summary>
    public const string Plainly = ";Pooling=false;Server Compatibility Mode=NoTypeLoading";

    /// <summary>A database of one's own.</summary>
    /// <returns>Its connection string.</returns>
    public static Task<string> CreateDatabase() => CreateDatabase("template1");

    /// <summary>A log of one's own in which nothing has happened yet: a copy of one that was made as every log is, which costs less than making it.</summary>
    /// <returns>Its connection string.</returns>
    public static async Task<string> CreateLog()
    {
        await OneMakesIt.WaitAsync();
        try
        {
            emptyLog ??= await MakeEmptyLog();
        }
        finally
        {
            OneMakesIt.Release();
        }
        return await CreateDatabase(new NpgsqlConnectionStringBuilder(emptyLog).Database!);
    }

    private static readonly SemaphoreSlim OneMakesIt = new(1);
    private static string? emptyLog;

    private static async Task<string> MakeEmptyLog()
    {
        var log = await CreateDatabase();
        // no connection may stay: what somebody is connected to cannot be copied
        var settings = new ConfigurationBuilder().AddInMemoryCollection([new("ConnectionStrings:Log", $"{log};Pooling=false")]).Build();
        await using var services = new ServiceCollection().AddLogging().AddSingleton(TimeProvider.System).AddEventStore(settings).BuildServiceProvider();
        await services.CreateSchema(CancellationToken.None);
        return log;
    }

    private static async Task<string> CreateDatabase(string like)
    {
        var name = $"test_{Guid.CreateVersion7():N}";
        await OnServer($"create database {name} template {like}");
        return new NpgsqlConnectionStringBuilder(Postgres) { Database = name, MaxPoolSize = 10 }.ConnectionString;
    }

    public static Task DropDatabase(string connectionString) =>
        OnServer($"drop database if exists {new NpgsqlConnectionStringBuilder(connectionString).Database} with (force)");

    /// <summary>By one of the connections that all share.</summary>
    public static async Task OnServer(string sql)
    {
        await using var connection = new NpgsqlConnection($"{Postgres};Server Compatibility Mode=NoTypeLoading");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>A virtual host of one's own at the broker.</summary>
    /// <returns>Its amqp address.</returns>
    public static async Task<string> CreateBrokerHost()
    {
        var name = $"test-{Guid.CreateVersion7():N}";
        using var api = RabbitManagement();
        (await api.PutAsJsonAsync($"api/vhosts/{name}", new { })).EnsureSuccessStatusCode();
        var user = new Uri(Amqp).UserInfo.Split(':')[0];
        (await api.PutAsJsonAsync($"api/permissions/{name}/{user}", new { configure = ".*", write = ".*", read = ".*" })).EnsureSuccessStatusCode();
        return $"{new Uri(Amqp).GetLeftPart(UriPartial.Authority)}/{name}";
    }

    public static async Task DropBrokerHost(string amqp)
    {
        using var api = RabbitManagement();
        (await api.DeleteAsync(new Uri($"api/vhosts/{new Uri(amqp).AbsolutePath.TrimStart('/')}", UriKind.Relative))).EnsureSuccessStatusCode();
    }

    /// <summary>A user who may do everything there; or the same with another password.</summary>
    public static async Task CreateBrokerUser(string amqp, string user, string password)
    {
        using var api = RabbitManagement();
        (await api.PutAsJsonAsync($"api/users/{user}", new { password, tags = "" })).EnsureSuccessStatusCode();
        var path = $"api/permissions/{new Uri(amqp).AbsolutePath.TrimStart('/')}/{user}";
        (await api.PutAsJsonAsync(path, new { configure = ".*", write = ".*", read = ".*" })).EnsureSuccessStatusCode();
    }

    public static HttpClient RabbitManagement()
    {
        var address = new Uri(RabbitApi);
        var api = new HttpClient { BaseAddress = new Uri(address.GetLeftPart(UriPartial.Authority)) };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(address.UserInfo))));
        return api;
    }
}
