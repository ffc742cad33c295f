using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>
/// Users, permissions and topology of the broker, by RabbitMQ's management API. Every call may be repeated. Nobody gets more than the queues that
/// are theirs: who breaks into an agent or into an approver's client finds nothing else to read or to write.
/// </summary>
public sealed partial class BrokerAdmin : IDisposable
{
    private static readonly object Durable = new { durable = true, auto_delete = false, arguments = new Dictionary<string, object> { ["x-queue-type"] = "quorum" } };

    /// <summary>What approvers hear of: each of these, a dot, and a group of theirs.</summary>
    private static readonly string[] Topics = ["request.submitted", "request.decided", "hold.opened", "hold.decided"];

    private const int LargestAside = 256 * 1024 * 1024;
    private const int MostDeliveries = 20;
    private const int MostNotifications = 10_000;
    private const int OneDay = 24 * 60 * 60 * 1000; // milliseconds

    private readonly HttpClient http;
    private readonly string host;
    private readonly string controlPlane;
    private readonly ILogger<BrokerAdmin> log;

    public BrokerAdmin(IOptions<BrokerOptions> options, ILogger<BrokerAdmin> log)
    {
        ArgumentNullException.ThrowIfNull(options);
        var (broker, management) = (new Uri(options.Value.Uri), new Uri(options.Value.ManagementUri));
        var vhost = Uri.UnescapeDataString(broker.AbsolutePath.TrimStart('/'));
        (host, this.log) = (Uri.EscapeDataString(vhost.Length == 0 ? "/" : vhost), log);
        controlPlane = Uri.UnescapeDataString(broker.UserInfo.Split(':')[0]);
        http = new HttpClient { BaseAddress = new Uri(management.GetLeftPart(UriPartial.Authority)), Timeout = TimeSpan.FromSeconds(10) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(management.UserInfo))));
    }

    public void Dispose() => http.Dispose();

    /// <summary>An agent's queue in, its exchange out, and a user that may touch these alone.</summary>
    public async Task CreateAgent(string agent, string user, string password, CancellationToken cancel)
    {
        if (!Ids.IsName(agent))
        {
            throw new ArgumentException($"`{agent}` is not a name", nameof(agent));
        }
        await DeclareReports(cancel);
        await Queue(Topology.AgentQueue(agent), cancel);
        await Exchange(Topology.AgentReports(agent), "fanout", cancel);
        await BindExchange(Topology.AgentReports(agent), Topology.Reports, cancel);
        var own = $"^{Regex.Escape(Topology.AgentQueue(agent))}(\\.reports)?(_error|_skipped)?$";
        await User(user, password, new Permissions(own, own, own), cancel);
    }

    /// <summary>The user first: what is open is closed by the broker, and nothing new can be sent.</summary>
    public async Task RemoveAgent(string agent, string user, CancellationToken cancel)
    {
        await Delete($"users/{Uri.EscapeDataString(user)}", cancel);
        await Disconnect(user, cancel);
        await Delete($"exchanges/{host}/{Topology.AgentReports(agent)}", cancel);
        foreach (var suffix in (string[])["", "_error", "_skipped"])
        {
            await Delete($"queues/{host}/{Topology.AgentQueue(agent)}{suffix}", cancel);
            await Delete($"exchanges/{host}/{Topology.AgentQueue(agent)}{suffix}", cancel);
        }
    }

    /// <summary>
    /// A user for an approver's client: it reads its queue `accessplane.approver.NAME`, in which its groups' notifications wait for it, makes queues
    /// for answers under names that continue this one after a dot, and sends reviews to the exchange `accessplane.reviews`. Whose reviews they are is
    /// told by the tokens in them. It binds nothing by itself: who may write to one exchange and read from another could join the two.
    /// </summary>
    public async Task AddApprover(string name, string password, IReadOnlyCollection<string> groups, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(groups);
        if (!Ids.IsName(name))
        {
            throw new ArgumentException($"`{name}` is not a name", nameof(name));
        }
        await DeclareApprovers(cancel);
        var queue = Topology.Approver(name);
        await Put($"queues/{host}/{queue}", Durable, cancel);
        await Bind(queue, [.. groups.SelectMany(g => Topics.Select(t => $"{t}.{g}"))], cancel);
        var own = Regex.Escape(queue);
        await User(ApproverUser(name), password, new Permissions($"^{own}\\..+$", $"^{Regex.Escape(Topology.Reviews)}$", $"^{own}(\\..+)?$"), cancel);
    }

    /// <summary>What a queue of notifications gets, and nothing else that it got before.</summary>
    private async Task Bind(string queue, IReadOnlyCollection<string> keys, CancellationToken cancel)
    {
        var path = $"bindings/{host}/e/{Topology.Notifications}/q/{queue}";
        using var answer = await Send(HttpMethod.Get, path, null, cancel);
        using var bound = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancel));
        foreach (var binding in bound.RootElement.EnumerateArray().Where(b => !keys.Contains(b.GetProperty("routing_key").GetString())))
        {
            await Delete($"{path}/{Uri.EscapeDataString(binding.GetProperty("properties_key").GetString()!)}", cancel);
        }
        foreach (var key in keys)
        {
            await Post(path, new { routing_key = key, arguments = new { } }, cancel);
        }
    }

    public static string ApproverUser(string name) => $"approver-{name}";

    public async Task RemoveApprover(string name, CancellationToken cancel)
    {
        await Delete($"users/{ApproverUser(name)}", cancel);
        await Disconnect(ApproverUser(name), cancel);
        await Delete($"queues/{host}/{Topology.Approver(name)}", cancel);
    }

    /// <summary>
    /// What was put aside must not fill the broker's disk; and a message that takes its consumer with it each time is put aside at last, instead
    /// of coming again for ever.
    /// </summary>
    public async Task BoundQueues(CancellationToken cancel)
    {
        await Policy("accessplane-aside", "^accessplane\\..+_(error|skipped|parked)$", new() { ["max-length-bytes"] = LargestAside, ["overflow"] = "drop-head" }, cancel);
        // an approver who never comes back must not fill it either; what is older than a day has been decided or has expired
        await Policy("accessplane-approvers", "^accessplane\\.approver\\.", new() { ["max-length"] = MostNotifications, ["message-ttl"] = OneDay }, cancel);
        foreach (var (queue, parked) in ((string, string)[])[(Topology.Reports, Topology.ReportsParked), (Topology.Reviews, Topology.ReviewsInError)])
        {
            await Policy($"{queue}-deliveries", $"^{Regex.Escape(queue)}$", new() { ["delivery-limit"] = MostDeliveries, ["dead-letter-exchange"] = parked }, cancel);
        }
    }

    private Task Policy(string name, string pattern, Dictionary<string, object> definition, CancellationToken cancel) => Put(
        $"policies/{host}/{name}", new Dictionary<string, object> { ["pattern"] = pattern, ["definition"] = definition, ["apply-to"] = "queues" }, cancel);

    /// <summary>Where agents' reports arrive, whether or not anyone consumes them yet. The shape is the one MassTransit declares.</summary>
    public async Task DeclareReports(CancellationToken cancel)
    {
        // the place beside first: what is sent to an exchange that there is not is lost
        await Queue(Topology.ReportsParked, cancel);
        await Queue(Topology.Reports, cancel);
    }

    /// <summary>Where notifications leave and reviews arrive.</summary>
    public async Task DeclareApprovers(CancellationToken cancel)
    {
        await Exchange(Topology.Notifications, "topic", cancel);
        await Queue(Topology.Reviews, cancel);
        await Queue(Topology.ReviewsInError, cancel);
    }

    /// <summary>A durable quorum queue behind a fanout exchange of the same name.</summary>
    private async Task Queue(string name, CancellationToken cancel)
    {
        await Put($"queues/{host}/{name}", Durable, cancel);
        await Exchange(name, "fanout", cancel);
        await Post($"bindings/{host}/e/{name}/q/{name}", new { routing_key = "", arguments = new { } }, cancel);
    }

    private Task Exchange(string name, string type, CancellationToken cancel) =>
        Put($"exchanges/{host}/{name}", new { type, durable = true, auto_delete = false, @internal = false, arguments = new { } }, cancel);

    private Task BindExchange(string from, string to, CancellationToken cancel) =>
        Post($"bindings/{host}/e/{from}/e/{to}", new { routing_key = "", arguments = new { } }, cancel);

    private async Task User(string user, string password, Permissions permissions, CancellationToken cancel)
    {
        // INVARIANT: never the control plane's own user, whose rights this would take away
        if (user == controlPlane)
        {
            throw new ArgumentException($"`{user}` is the control plane's own user", nameof(user));
        }
        var name = Uri.EscapeDataString(user);
        await Put($"users/{name}", new { password, tags = "" }, cancel);
        await Put($"permissions/{host}/{name}", permissions, cancel);
    }

    /// <summary>Connections that are open outlive their user otherwise.</summary>
    private async Task Disconnect(string user, CancellationToken cancel)
    {
        using var answer = await Send(HttpMethod.Get, "connections", null, cancel);
        using var all = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancel));
        foreach (var connection in all.RootElement.EnumerateArray())
        {
            if (connection.TryGetProperty("user", out var whose) && whose.GetString() == user)
            {
                await Delete($"connections/{Uri.EscapeDataString(connection.GetProperty("name").GetString()!)}", cancel);
            }
        }
    }

    private async Task Put(string path, object body, CancellationToken cancel) => (await Send(HttpMethod.Put, path, body, cancel)).Dispose();

    private async Task Post(string path, object body, CancellationToken cancel) => (await Send(HttpMethod.Post, path, body, cancel)).Dispose();

    private async Task Delete(string path, CancellationToken cancel) => (await Send(HttpMethod.Delete, path, null, cancel)).Dispose();

    private async Task<HttpResponseMessage> Send(HttpMethod method, string path, object? body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, $"api/{path}") { Content = body is null ? null : JsonContent.Create(body) };
        try
        {
            var answer = await http.SendAsync(request, cancel);
            if (answer.IsSuccessStatusCode || (method == HttpMethod.Delete && answer.StatusCode == HttpStatusCode.NotFound))
            {
                return answer;
            }
            // what was sent may hold a password, and what came back may repeat it: neither is logged
            LogRefused(method.Method, path, (int)answer.StatusCode);
            answer.Dispose();
            throw new UnavailableException("broker-unavailable", "the broker's management does not take the control plane's orders now; its log says more");
        }
        catch (Exception failure) when (failure is HttpRequestException || (failure is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            throw new UnavailableException("broker-unavailable", "the broker's management cannot be reached: try again", failure);
        }
    }

    private sealed record Permissions(string Configure, string Write, string Read);

    [LoggerMessage(Level = LogLevel.Error, Message = "the broker's management answered `{Method} {Path}` with {Status}: check Broker:ManagementUri and its user's rights")]
    private partial void LogRefused(string method, string path, int status);
}
