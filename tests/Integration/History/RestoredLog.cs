using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Agents;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.History;

/// <summary>An old backup of the log is restored beneath a fleet that has gone on: with a real agent in front of a real database.</summary>
/// <param name="every">How often checkpoints are taken.</param>
public abstract class RestoredLog(string every) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private readonly List<NpgsqlConnection> sessions = [];
    private ControlPlaneHost before = null!;
    private ControlPlaneHost? after;
    private Backup? backup;

    private protected LiveAgent Agent { get; private set; } = null!;
    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private protected ControlPlaneHost Plane => after ?? before;

    public async ValueTask InitializeAsync()
    {
        before = await Start();
        var database = LiveAgent.NewDatabase();
        // the lease outlives the restoring: that sessions freeze without one is shown elsewhere
        await before.Publish(SharedControlPlane.Policy.Replace("databases: [orders]", $"databases: [{database}]", StringComparison.Ordinal)
            .Replace("kind: postgresql }", "kind: postgresql, freeze-after: 2m, kill-after: 10m }", StringComparison.Ordinal));
        Agent = await LiveAgent.Start(before, $"orders-{Guid.CreateVersion7():N}"[..30], database);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var session in sessions)
        {
            await session.DisposeAsync();
        }
        await Agent.DisposeAsync();
        if (after is not null)
        {
            await after.DisposeAsync();
        }
        await before.DisposeAsync();
        backup?.Dispose();
    }

    protected async Task MakeBackup() => backup = await Backup.Make(before.Database);

    /// <summary>The log is as it was, under a control plane that knows nothing else.</summary>
    protected async Task RestoreIt()
    {
        await before.Stop();
        await backup!.Restore();
        after = await Start(before);
    }

    private Task<ControlPlaneHost> Start(ControlPlaneHost? like = null) =>
        ControlPlaneHost.Start(quiet => quiet.Logging.ClearProviders(), settings: [$"--Evidence:Every={every}"], like: like);

    protected async Task<(HttpStatusCode Status, JsonElement Body)> Post(string subject, string group, string path, object body)
    {
        using var client = Plane.Client(subject, group);
        using var answer = await client.PostAsJsonAsync(path, body, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        return (answer.StatusCode, text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text));
    }

    protected async Task<Guid> Grant(string holder)
    {
        var grant = (await Plane.Get($"/v1/requests/{await Plane.Ask(holder, "orders-read")}")).GetProperty("grantId").GetGuid();
        Assert.Equal(HttpStatusCode.OK, (await Post(holder, "engineering", $"/v1/grants/{grant}/activate", new { })).Status);
        return grant;
    }

    protected async Task<string> Ticket(string holder, Guid grant)
    {
        var (status, ticket) = (HttpStatusCode.ServiceUnavailable, default(JsonElement));
        // an agent on a busy machine may be slow to acknowledge it: 503 says to ask for another
        await Until(
            async () =>
            {
                (status, ticket) = await Post(holder, "engineering", $"/v1/grants/{grant}/tickets", new { });
                return status != HttpStatusCode.ServiceUnavailable;
            },
            () => ticket.ToString());
        Assert.True(status == HttpStatusCode.Created, ticket.ToString());
        return $"Host=127.0.0.1;Port={Agent.Port};Username={ticket.GetProperty("username")};Password={ticket.GetProperty("password")};Database={Agent.Database};" +
            $"SSL Mode=Disable;Pooling=false;Server Compatibility Mode=NoTypeLoading;Application Name={holder}";
    }

    protected async Task<NpgsqlConnection> Connect(string ticket)
    {
        var session = new NpgsqlConnection(ticket);
        sessions.Add(session);
        await session.OpenAsync(Cancel);
        return session;
    }

    protected static async Task<object?> Run(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(Cancel);
    }

    protected static async Task Until(Func<Task<bool>> holds, Func<string> otherwise)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            Assert.False(patience.IsCancellationRequested, otherwise());
            await Task.Delay(50, Cancel);
        }
    }

    /// <summary>Everything up to now stands in a file of the directory of checkpoints, and every operation in the log.</summary>
    protected async Task EverythingIsKept(string lastOperation)
    {
        await Until(async () => (await Plane.Get("/v1/audit/operations?text=" + lastOperation)).GetProperty("items").GetArrayLength() > 0, () => "the operation never came");
        var drawn = await Plane.Services.GetRequiredService<EventLog>().Drawn(Cancel);
        await Until(
            () => Task.FromResult(Directory.Exists(Plane.Checkpoints) && Directory.GetFiles(Plane.Checkpoints).Order(StringComparer.Ordinal).LastOrDefault() is { } newest &&
                File.ReadAllText(newest) is var text && text.EndsWith('\n') && JsonSerializer.Deserialize<EvidenceCheckpointed>(text, Json.Options)!.Checkpoint.Tip >= drawn),
            () => "no checkpoint came");
    }

    /// <summary>Once it is this: a process that has just been started is not ready for a moment.</summary>
    protected async Task<JsonElement> Health(string status)
    {
        using var anyone = Plane.Client();
        JsonElement health = default;
        await Until(
            async () =>
            {
                using var answer = await anyone.GetAsync(new Uri("/health/ready", UriKind.Relative), Cancel);
                health = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
                return health.GetProperty("status").GetString() == status;
            },
            () => health.ToString());
        return health;
    }

    protected async Task<JsonElement> Rollback() => Assert.Single((await Plane.Get("/v1/log/rollbacks")).GetProperty("items").EnumerateArray());

    protected static HashSet<Guid> Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetGuid())];
}
