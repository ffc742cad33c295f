using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>A secret that is planted where a control plane or an agent speaks is found at its end: a sweep that hears nothing would find nothing.</summary>
public sealed class HostSecretsTests
{
    private const string Secret = "a-word-that-nobody-may-find";
    private const string Said = $"it is {Secret}";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static HostSecrets Knowing()
    {
        var secrets = new HostSecrets();
        secrets.Sweep.Knows("a word", Secret);
        return secrets;
    }

    private static void Finds(HostSecrets secrets, string found)
    {
        var why = Assert.ThrowsAny<Exception>(() => secrets.NoneWasSaid()).Message;
        Assert.DoesNotContain(Secret, why, StringComparison.Ordinal);
        Assert.Equal([found], secrets.Sweep.Found);
    }

    [Fact]
    public void In_a_line_of_a_log_and_in_its_exception()
    {
        var secrets = Knowing();
        var log = secrets.CreateLogger("a part");
        var failed = new InvalidOperationException(Said);
        log.Log(LogLevel.Information, default, Said, null, (text, _) => text);
        log.Log(LogLevel.Error, default, "it failed", failed, (text, _) => text);
        Finds(secrets, "the log of a part: a word (2 times)");
    }

    [Fact]
    public void In_what_a_client_was_told_before_the_secret_was_known()
    {
        var secrets = new HostSecrets();
        HostSecrets.ClientWasTold("what a client was told", $"there is no column {Secret}");
        secrets.Sweep.Knows("a word", Secret);
        Finds(secrets, "what a client was told: a word (1 times)");
    }

    [Fact]
    public async Task In_a_good_answer_beside_the_place_where_it_is_told()
    {
        await using var issuer = await TestIssuer.Start();
        issuer.Tokens = _ => Results.Json(new { token = Secret, note = Said });
        var secrets = new HostSecrets();
        using var client = secrets.Client(new Uri(issuer.Address));
        using var form = new FormUrlEncodedContent([]);
        using var answer = await client.PostAsync(new Uri("/token", UriKind.Relative), form, Cancel);
        Finds(secrets, "the answer 200 to POST /token: a `token` (1 times)");
    }

    [Fact]
    public void In_a_file_of_an_agent_that_is_not_its_own_and_not_encrypted()
    {
        using var state = new StateFolder();
        Directory.CreateDirectory(state.File("spool"));
        foreach (var name in (string[])["password", "memory.json", "spool/000000000001.transcript"])
        {
            File.WriteAllText(state.File(name), Said);
        }
        var secrets = Knowing();
        secrets.HearsState(state.Path, but: [state.File("password")]);
        Finds(secrets, "the agent's file memory.json: a word (1 times)");
    }

    [Fact]
    public async Task In_what_an_agent_recorded_and_what_its_client_was_told()
    {
        var agent = await WireAgent.Start();
        agent.Secrets.Sweep.Knows("a word", Secret);
        using (var client = await agent.Connect())
        {
            Assert.Equal("E42703 ZI", RawClient.Story(await client.Ask(RawClient.Query($"select \"{Secret}\""))));
        }
        var why = (await Assert.ThrowsAnyAsync<Exception>(async () => await agent.DisposeAsync())).Message;
        Assert.Contains("what the agent recorded: a word (", why, StringComparison.Ordinal);
        Assert.Contains("what a client was told: a word (1 times)", why, StringComparison.Ordinal);
    }
}
