using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>The control plane as it is, in this process: with a database, a virtual host at the broker and an issuer of its own.</summary>
internal sealed class ControlPlaneHost : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly string keys;
    private readonly bool own;

    private ControlPlaneHost(WebApplication app, TestIssuer issuer, string database, string broker, string keys, HostSecrets secrets, bool own) =>
        (this.app, Issuer, Database, Broker, this.keys, Secrets, this.own) = (app, issuer, database, broker, keys, secrets, own);

    /// <summary>Of all that share one database.</summary>
    public HostSecrets Secrets { get; }

    public TestIssuer Issuer { get; }
    public string Database { get; }
    public string Broker { get; }
    public Uri Address { get; private set; } = null!;

    /// <summary>The directory of the checkpoints' files.</summary>
    public string Checkpoints => $"{keys}/checkpoints";
    public IServiceProvider Services => app.Services;

    /// <summary>All tests call from one address, many at a time.</summary>
    private static readonly string[] FromOneAddress =
        ["--Limits:PerAddress=100000", "--Limits:PerAddressBurst=100000", "--Limits:Overall=100000", "--Limits:OverallBurst=100000"];

    /// <param name="adjust">Services in the place of others.</param>
    /// <param name="map">Endpoints beside the product's.</param>
    /// <param name="like">Shares the database, the broker and the issuer of another: a second replica.</param>
    public static async Task<ControlPlaneHost> Start(
        Action<WebApplicationBuilder>? adjust = null, Action<WebApplication>? map = null, IEnumerable<string>? settings = null, ControlPlaneHost? like = null)
    {
        var issuer = like?.Issuer ?? await TestIssuer.Start();
        var database = like?.Database ?? await Servers.CreateLog();
        var broker = like?.Broker ?? await Servers.CreateBrokerHost();
        var keys = like?.keys ?? Directory.CreateTempSubdirectory("accessplane-keys-").FullName;
        var secrets = like?.Secrets ?? new HostSecrets();
        string[] arguments =
        [
            "--Urls=http://127.0.0.1:0", "--PublicUrl=https://accessplane.example", $"--ConnectionStrings:Log={database}", $"--Broker:Uri={broker}",
            $"--Broker:ManagementUri={Servers.RabbitApi}", $"--Broker:AgentUri={new UriBuilder(broker) { UserName = "", Password = "" }.Uri}", $"--Keys:Path={keys}", $"--Evidence:Checkpoints={keys}/checkpoints", $"--Identity:Issuers:0:Issuer={issuer.Address}",
            "--Identity:Issuers:0:DefaultKind=person", "--Identity:Issuers:0:EvidenceClaims:0=repository", "--Roles:Admins:0=admins", "--Roles:Auditors:0=auditors",
            .. settings?.Any(s => s.StartsWith("--Limits", StringComparison.Ordinal)) == true ? [] : FromOneAddress,
            .. settings ?? [],
        ];
        var app = AccessPlane.ControlPlane.Program.Compose(arguments, builder =>
        {
            // the test's output is for failures; what is looked through for secrets is what is written in production
            builder.Logging.SetMinimumLevel(LogLevel.Error).AddFilter<HostSecrets>(null, LogLevel.Information).AddFilter<HostSecrets>("Microsoft.AspNetCore", LogLevel.Warning);
            adjust?.Invoke(builder);
            builder.Logging.AddProvider(secrets);
        });
        map?.Invoke(app);
        var host = new ControlPlaneHost(app, issuer, database, broker, keys, secrets, like is null);
        await app.Services.CreateSchema(TestContext.Current.CancellationToken);
        await app.StartAsync(TestContext.Current.CancellationToken);
        host.Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        return host;
    }

    /// <summary>A caller with a good token; anonymous without a name.</summary>
    public HttpClient Client(string? subject = null, params string[] groups)
    {
        var client = Secrets.Client(Address);
        if (subject is not null)
        {
            var token = Issuer.Token(subject, TimeProvider.System.GetUtcNow(), groups);
            Secrets.Sweep.Knows("an access token", token);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
        return client;
    }

    public async Task Publish(string policy)
    {
        using var admin = Client("admin", "admins");
        var patience = System.Diagnostics.Stopwatch.StartNew();
        while (true)
        {
            using var content = new StringContent(policy.Replace("ISSUER", Issuer.Address, StringComparison.Ordinal), Encoding.UTF8, "application/yaml");
            using var answer = await admin.PutAsync(new Uri("/v1/policies", UriKind.Relative), content, TestContext.Current.CancellationToken);
            if (answer.IsSuccessStatusCode)
            {
                return;
            }
            // the issuer is on this machine too: where that is very busy its keys are not here yet, and 503 says to try again
            var why = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            Assert.True((int)answer.StatusCode == 503 && patience.Elapsed < TimeSpan.FromMinutes(2), why);
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Asks for access.</summary>
    /// <returns>The request's id.</returns>
    public async Task<Guid> Ask(string subject, string entitlement, string group = "engineering")
    {
        using var client = Client(subject, group);
        using var answer = await client.PostAsJsonAsync("/v1/requests", new { entitlement, reason = "a test" }, TestContext.Current.CancellationToken);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, body.ToString());
        return body.GetProperty("id").GetGuid();
    }

    public async Task<JsonElement> Get(string path, string subject = "auditor", string group = "auditors")
    {
        using var client = Client(subject, group);
        return await client.GetFromJsonAsync<JsonElement>(path, TestContext.Current.CancellationToken);
    }

    /// <summary>A call with what it was answered, headers too.</summary>
    /// <param name="ifMatch">The version that the caller insists on.</param>
    /// <param name="key">The Idempotency-Key.</param>
    public async Task<Answered> Send(HttpMethod method, string path, string subject, string group, object? body = null, long? ifMatch = null, string? key = null)
    {
        using var client = Client(subject, group);
        using var request = new HttpRequestMessage(method, path)
        {
            Content = body switch
            {
                null => null,
                string text => new StringContent(text.Replace("ISSUER", Issuer.Address, StringComparison.Ordinal), Encoding.UTF8, "application/yaml"),
                _ => JsonContent.Create(body),
            },
        };
        if (ifMatch is not null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", $"\"{ifMatch}\"");
        }
        if (key is not null)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        }
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var bytes = await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        // of an answer that comes line by line, the last one says how it went
        var last = bytes.AsSpan().TrimEnd("\n"u8);
        last = last[(last.LastIndexOf((byte)'\n') + 1)..];
        var isLines = answer.Content.Headers.ContentType?.MediaType == "application/x-ndjson";
        return new Answered((int)answer.StatusCode, bytes.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(isLines ? last : bytes), answer.Headers.ETag?.Tag, answer.Headers.Location,
            Guid.Parse(answer.Headers.GetValues("X-Correlation-Id").Single()));
    }

    /// <summary>Ends the process, so to say: what is its own stays, for another one like it.</summary>
    public Task Stop() => app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        if (!own)
        {
            return;
        }
        try
        {
            await Secrets.NoneIsLeftBehind(Database, keys);
        }
        finally
        {
            await Issuer.DisposeAsync();
            await Servers.DropDatabase(Database);
            await Servers.DropBrokerHost(Broker);
            Directory.Delete(keys, recursive: true);
        }
    }
}

/// <param name="Body">Undefined where there was none.</param>
internal sealed record Answered(int Status, JsonElement Body, string? ETag, Uri? Location, Guid Correlation)
{
    /// <summary>`409 grant-ended`; the body where it is no problem.</summary>
    public string Code => Body.ValueKind == JsonValueKind.Object && Body.TryGetProperty("code", out var code) ? $"{Status} {code.GetString()}" : $"{Status} {Body}";

    public Guid Id => Body.TryGetProperty("id", out var id) ? id.GetGuid() : throw new InvalidOperationException($"no id: {Code}");

    public string? State => Body.GetProperty("state").GetString();

    /// <summary>What had been decided before.</summary>
    public JsonElement Winning => Body.TryGetProperty("winning", out var winning) ? winning : throw new InvalidOperationException($"nothing is said to have won: {Body}");

    public long Version => long.Parse(ETag!.Trim('"'), System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>One control plane for a class of tests that do not disturb each other.</summary>
public sealed class SharedControlPlane : IAsyncLifetime
{
    public const string Policy = """
        resources:
          - { id: orders, kind: postgresql }
        entitlements:
          - id: orders-read
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [orders], statements: [select] }
            max-duration: 8h
            activate-within: 30m
            approval: { auto: true }
          - id: orders-write
            resource: orders
            who: { groups: [engineering, dba] }
            scope: { databases: [orders] }
            max-duration: 2h
            activate-within: 30m
            approval: { steps: [ { from: { groups: [dba] }, count: 1 } ], expires: 1h }
          - id: orders-careful
            resource: orders
            who: { groups: [engineering] }
            scope: { databases: [orders] }
            max-duration: 2h
            activate-within: 30m
            approval: { steps: [ { from: { groups: [dba] }, count: 2 }, { from: { groups: [security] }, count: 1 } ], expires: 1h }
          - id: orders-glass
            resource: orders
            who: { groups: [on-call] }
            break-glass: { duration: 1h, review-within: 24h, from: { groups: [security] } }
        """;

    internal ControlPlaneHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Host = await ControlPlaneHost.Start();
        await Host.Publish(Policy);
    }

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
