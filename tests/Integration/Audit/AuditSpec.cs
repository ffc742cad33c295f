using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Audit;

/// <summary>Events as they may come to stand in the log, and how auditors and others look at them.</summary>
public abstract class AuditSpec(SharedControlPlane plane)
{
    private protected ControlPlaneHost Host => plane.Host;
    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;
    protected EventLog Log => Host.Services.GetRequiredService<EventLog>();
    protected HttpClient Auditor => Host.Client("auditor", "auditors");

    protected Actor Person(string name, params Actor[] act) =>
        new(Host.Issuer.Address, name, name, ActorKind.Person, ["engineering"], new Dictionary<string, string>(), act);

    /// <summary>A client whose token says that an AI agent acts for a person.</summary>
    protected HttpClient Acting(string agent, string person)
    {
        var claims = Host.Issuer.Claims(person, TimeProvider.System.GetUtcNow(), "engineering");
        claims["act"] = new Dictionary<string, object?> { ["sub"] = agent, ["iss"] = Host.Issuer.Address };
        var client = Host.Client();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Host.Issuer.Sign(claims));
        return client;
    }

    protected static async Task<(HttpStatusCode Status, JsonElement Body)> Get(HttpClient client, string path)
    {
        ArgumentNullException.ThrowIfNull(client);
        using (client)
        {
            var began = TimeProvider.System.GetTimestamp();
            while (true)
            {
                using var answer = await client.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel);
                var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
                // on a busy machine the read models may need longer than a call waits: it is said to try again
                if (answer.StatusCode != HttpStatusCode.ServiceUnavailable || body.GetProperty("code").GetString() != "not-caught-up" || TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromMinutes(1))
                {
                    return (answer.StatusCode, body);
                }
            }
        }
    }

    protected static async Task<List<JsonElement>> Items(HttpClient client, string path)
    {
        var (status, body) = await Get(client, path);
        Assert.True(status == HttpStatusCode.OK, $"{path}: {status} {body}");
        return [.. body.GetProperty("items").EnumerateArray()];
    }

    protected Task<Appended> Append(Guid stream, string type, Actor by, params IEvent[] events) => Append(stream, type, by, Guid.CreateVersion7(), events);

    protected Task<Appended> Append(Guid stream, string type, Actor by, Guid correlation, params IEvent[] events) =>
        Log.Append(new Append([new StreamAppend(stream, type, 0, events)], new EventContext(by, correlation)), Cancel);
}
