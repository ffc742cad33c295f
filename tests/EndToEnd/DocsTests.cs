using System.Net;
using System.Net.Sockets;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>What the documentation tells people to type is typed, page by page, against the whole product.</summary>
public sealed class DocsTests(TestWorld world) : IAsyncLifetime
{
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public void Every_command_is_run_or_says_why_not()
    {
        foreach (var block in DocsPage.All.SelectMany(p => p.Blocks).Where(b => b.Language == "sh"))
        {
            Assert.True(block.Mark is "run" or "config" || block.Mark.StartsWith("not run: ", StringComparison.Ordinal),
                $"{block.Page}:{block.Line}: a block without a mark (`<!-- run -->`, or `<!-- not run: why -->`)");
        }
        Assert.Contains(DocsPage.All.SelectMany(p => p.Blocks), b => b.Mark == "run");
    }

    [Theory]
    [InlineData("docs/first-database.md")]
    public async Task What_a_page_says_to_do_works_in_its_order(string page)
    {
        await Forget();
        var server = new NpgsqlConnectionStringBuilder(TestWorld.Orders);
        var environment = new Dictionary<string, string>(TestWorld.Settings)
        {
            ["ACCESSPLANE_URL"] = world.Url,
            ["OIDC_ISSUER"] = world.Issuer,
            ["ACCESSPLANE_AGENT"] = TestWorld.Program("agent", "Agent"),
            ["AGENT_PORT"] = FreePort(),
            ["AGENT_HEALTH_PORT"] = FreePort(),
            ["DATABASE_ADMIN_URL"] = $"postgresql://{server.Username}:{server.Password}@localhost:{server.Port}/postgres",
            ["DATABASE_HOST"] = "localhost",
            ["DATABASE_PORT"] = $"{server.Port}",
            ["DATABASE_CA"] = world.Ca,
        };
        var script = string.Join('\n', DocsPage.Of(page).Blocks.Where(b => b.Mark == "run").Select(b => b.Text));
        var ran = (await Run.ToEnd("bash", ["-euo", "pipefail", "-c", script], environment)).Succeeded();
        Assert.Contains("say which rows", ran.Output, StringComparison.Ordinal);
        Assert.Matches(@"still_there\s+-+\s+3", ran.Output);
        (await world.Api.Post("admin", "/v1/agents/billing-agent/retire", new { reason = "the page is read" })).Is(204);
        await Forget();
    }

    [Fact]
    public async Task The_cookbook_is_one_document_without_a_problem()
    {
        var document = string.Concat(DocsPage.Of("docs/policy-cookbook.md").Blocks.Where(b => b.Mark == "policy").Select(b => b.Text));
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{world.Url}/v1/policies/validate") { Content = new StringContent(document, System.Text.Encoding.UTF8, "application/yaml") };
        request.Headers.Authorization = new("Bearer", await world.Api.Token("admin"));
        using var http = new HttpClient();
        using var answer = await http.SendAsync(request, TestContext.Current.CancellationToken);
        var said = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode && said.Contains("\"valid\":true", StringComparison.Ordinal), said);
    }

    private static async Task Forget()
    {
        await using var server = new NpgsqlConnection(TestWorld.Orders);
        await server.OpenAsync(TestContext.Current.CancellationToken);
        foreach (var sql in new[] { "DROP DATABASE IF EXISTS billing WITH (FORCE)", "DROP ROLE IF EXISTS billing_agent" })
        {
            await using var drop = new NpgsqlCommand(sql, server);
            await drop.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    private static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return $"{((IPEndPoint)listener.LocalEndpoint).Port}";
    }
}
