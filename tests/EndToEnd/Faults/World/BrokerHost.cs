using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>The broker's virtual host of these tests, past all links, and by the broker's management: that has a way past whatever holds up connections.</summary>
internal sealed class BrokerHost(string name)
{
    public Uri Address { get; } = new($"{new Uri(TestWorld.Variable("ACCESSPLANE_TEST_AMQP")).GetLeftPart(UriPartial.Authority)}/{name}");

    public async Task Create()
    {
        using var broker = Management();
        (await broker.PutAsJsonAsync($"api/vhosts/{name}", new { })).EnsureSuccessStatusCode();
        var user = new Uri(TestWorld.Variable("ACCESSPLANE_TEST_AMQP")).UserInfo.Split(':')[0];
        (await broker.PutAsJsonAsync($"api/permissions/{name}/{user}", new { configure = ".*", write = ".*", read = ".*" })).EnsureSuccessStatusCode();
    }

    public async Task PutInQueueOf(string agent, IReadOnlyList<string> messages)
    {
        using var broker = Management();
        foreach (var payload in messages)
        {
            var message = new { properties = new { content_type = "application/vnd.masstransit+json" }, routing_key = Topology.AgentQueue(agent), payload, payload_encoding = "string" };
            using var put = await broker.PostAsJsonAsync($"api/exchanges/{name}/amq.default/publish", message);
            Assert.True((await put.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("routed").GetBoolean());
        }
    }

    /// <param name="user">Who goes with it.</param>
    public async Task Delete(string user)
    {
        using var broker = Management();
        (await broker.DeleteAsync(new Uri($"api/vhosts/{name}", UriKind.Relative))).EnsureSuccessStatusCode();
        (await broker.DeleteAsync(new Uri($"api/users/{user}", UriKind.Relative))).EnsureSuccessStatusCode();
    }

    private static HttpClient Management()
    {
        var address = new Uri(TestWorld.Variable("ACCESSPLANE_TEST_RABBIT_API"));
        var api = new HttpClient { BaseAddress = new Uri(address.GetLeftPart(UriPartial.Authority)) };
        api.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(address.UserInfo))));
        return api;
    }
}
