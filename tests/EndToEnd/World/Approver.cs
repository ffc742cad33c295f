using System.Text.Json;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>A real approver client (infra/approver), that speaks AMQP and nothing else with the control plane.</summary>
internal sealed class Approver : IAsyncDisposable
{
    private readonly Run run;
    private int read;

    private Approver(Run run, Func<Task<string>> token) => (this.run, Token) = (run, token);

    /// <summary>A token to review with: each counts once.</summary>
    public Func<Task<string>> Token { get; }

    public static async Task<Approver> Listens(TestWorld world, string name, string group)
    {
        var environment = TestWorld.Settings;
        var user = (await world.Api.Post("admin", "/v1/approvers", new { name, groups = new[] { group } })).Is(201);
        environment["AMQP_URL"] = new UriBuilder(user.Text("brokerUri")) { UserName = user.Text("brokerUser"), Password = user.Text("brokerPassword") }.Uri.AbsoluteUri;
        var approver = new Approver(Run.Start("node",
            [$"{TestWorld.Root}/infra/approver/approver.mjs", user.Text("queue"), group, $"{TestWorld.Root}/infra/token", name, "--audience", "accessplane-reviews"], environment),
            () => world.Api.NewToken(name, "accessplane-reviews"));
        await approver.Next("listening");
        return approver;
    }

    /// <summary>The notification about one request; others, of tests before, are passed over.</summary>
    public Task<JsonElement> HearsOf(string request) => Hears(n => n.GetProperty("id").GetString() == request);

    /// <summary>The notification about a statement that waits.</summary>
    public Task<JsonElement> HearsOfHeld(string text) =>
        Hears(n => n.GetProperty("kind").GetString() == "hold" && n.GetProperty("what").GetProperty("text").GetString() == text);

    /// <summary>Sends a review exactly as it is given, and gives what the control plane answers.</summary>
    public async Task<JsonElement> Sends(object review)
    {
        await run.Type($"send {JsonSerializer.Serialize(review)}\n");
        return await Next("outcome");
    }

    public ValueTask DisposeAsync() => run.DisposeAsync();

    private async Task<JsonElement> Hears(Func<JsonElement, bool> of)
    {
        while (true)
        {
            var notification = await Next("notification");
            if (of(notification))
            {
                return notification;
            }
        }
    }

    private async Task<JsonElement> Next(string kind)
    {
        JsonElement found = default;
        await Wait.Until(() =>
        {
            var lines = run.Output.Split('\n')[..^1];
            while (read < lines.Length)
            {
                var line = lines[read++];
                if (line.StartsWith('{') && JsonSerializer.Deserialize<JsonElement>(line).TryGetProperty(kind, out found))
                {
                    return true;
                }
            }
            return false;
        }, 30, () => $"the approver got no {kind}; what it got:\n{run.Output}");
        return found;
    }
}
