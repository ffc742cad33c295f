using System.Text;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>What auditors and admins do by commands: look, verify, take away, try and publish.</summary>
public sealed class AuditTests(TestWorld world) : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;
    private readonly string name = Guid.CreateVersion7().ToString("N")[20..];

    public void Dispose() => Directory.Delete(home, recursive: true);

    private Task<Ended> As(string who, params IEnumerable<string> arguments) => CommandLine.As(world, who, arguments);

    private async Task<string> Session(string statement)
    {
        (await As("engineer", "exec", "orders", "-e", "orders-read", "-d", "10m", "--", "psql", "-XAt", "-c", statement)).With(0);
        var session = "";
        await Wait.Until(
            async () =>
            {
                var found = (await As("auditor", "audit", "search", name, "--json")).With(0).Json.GetProperty("items");
                session = found.GetArrayLength() > 0 && found[0].TryGetProperty("outcome", out _) ? found[0].GetProperty("session").GetString()! : "";
                return session.Length > 0;
            }, 30, () => $"nothing of `{name}` was recorded");
        await Wait.Until(async () => (await world.Api.Get("auditor", $"/v1/sessions/{session}")).Is(200).Text("state") == "Closed", 30, () => "the session does not end");
        return session;
    }

    [Fact]
    public async Task A_session_is_found_replayed_and_verified_and_what_was_typed_commands_no_terminal()
    {
        var session = await Session($"SELECT 1 /* {name} \u001b[2J\u202e */");
        foreach (string[] command in (string[][])[["audit", "search", name], ["replay", session[^8..]]])
        {
            var shown = (await As("auditor", command)).With(0).Out;
            Assert.DoesNotContain('\u001b', shown);
            Assert.DoesNotContain('\u202e', shown);
        }
        var replay = (await As("auditor", "replay", session)).With(0).Out;
        Assert.Contains($"1> SELECT 1 /* {name} ⟨U+001B⟩[2J⟨U+202E⟩ */", replay, StringComparison.Ordinal);
        Assert.Contains("chain and signatures are right", replay, StringComparison.Ordinal);

        var document = (await As("auditor", "replay", session, "--json")).With(0).Json;
        Assert.Equal((true, true, "start"), (document.GetProperty("verified").GetBoolean(), document.GetProperty("ended").GetBoolean(), document.GetProperty("entries")[0].GetProperty("kind").GetString()));
        Assert.Contains(session[^8..], (await As("auditor", "sessions")).With(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Operations_are_told_as_they_happen()
    {
        await using var tail = CommandLine.Start(world, home, await world.Api.Token("auditor"), "tail", "--json");
        await tail.Says("operations as they happen");
        await Session($"SELECT 2 /* {name} */");
        // asked once a second: what was recorded before the second answer of the same question was told with the first
        await Wait.Until(() => tail.Output.Contains(name, StringComparison.Ordinal), 30, () => tail.Error);
        await tail.Interrupt();
        var lines = (await tail.End()).With(0).Out.TrimEnd('\n').Split('\n').Select(l => JsonSerializer.Deserialize<JsonElement>(l)).Where(o => o.GetProperty("text").GetString()!.Contains(name, StringComparison.Ordinal)).ToList();
        Assert.Equal("completed", lines[^1].GetProperty("outcome").GetString());
        Assert.InRange(lines.Count, 1, 2);
    }

    [Fact]
    public async Task Evidence_is_taken_away_and_verified_without_a_server_and_one_flipped_byte_is_named()
    {
        var session = await Session($"SELECT 3 /* {name} */");
        var pack = $"{home}/pack.json";
        (await As("auditor", "evidence", "export", "--session", session, "-o", pack)).With(0);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(pack));
        await using (var offline = CommandLine.Start(world, home, null, "evidence", "verify", pack, "--checkpoints", $"{TestWorld.State}/checkpoints", "--url", "https://nowhere.invalid"))
        {
            Assert.Contains("all is right: 1 requests", (await offline.End()).With(0).Out, StringComparison.Ordinal);
        }

        var text = await File.ReadAllTextAsync(pack, TestContext.Current.CancellationToken);
        var at = Encoding.UTF8.GetByteCount(text[..text.IndexOf(name, StringComparison.Ordinal)]);
        var bytes = Encoding.UTF8.GetBytes(text);
        bytes[at] ^= 1;
        await File.WriteAllBytesAsync(pack, bytes, TestContext.Current.CancellationToken);
        Assert.StartsWith($"wrong: session {session}, segment ", (await As("auditor", "evidence", "verify", pack)).With(1).Out, StringComparison.Ordinal);
        var document = (await As("auditor", "evidence", "verify", pack, "--json")).With(1).Json;
        Assert.False(document.GetProperty("right").GetBoolean());
        Assert.StartsWith($"session {session}", document.GetProperty("wrong").GetString(), StringComparison.Ordinal);
        (await As("auditor", "evidence", "verify", $"{home}/not-there.json")).With(2);
    }

    [Fact]
    public async Task A_policy_is_checked_compared_tried_and_published_after_the_version_that_was_seen()
    {
        await Session($"SELECT 4 /* {name} */");
        var shown = (await As("admin", "policy", "show", "--json")).With(0).Json;
        var (text, version) = (shown.GetProperty("text").GetString()!, shown.GetProperty("version").GetInt64());
        var draft = $"{home}/draft.yaml";
        await File.WriteAllTextAsync(draft, text);
        (await As("admin", "policy", "diff", draft)).With(0);

        await File.WriteAllTextAsync(draft, text.Replace("resource: orders\n", "resource: ordres\n", StringComparison.Ordinal));
        Assert.Contains($"{draft}:", (await As("admin", "policy", "validate", draft)).With(1).Out, StringComparison.Ordinal);
        Assert.Contains("was not published", (await As("admin", "policy", "publish", draft)).With(1).Error, StringComparison.Ordinal);
        (await As("engineer", "policy", "publish", draft)).With(1);

        await File.WriteAllTextAsync(draft, $"# {name}\n{text}");
        Assert.Contains($"+    1  # {name}", (await As("admin", "policy", "diff", draft)).With(1).Out, StringComparison.Ordinal);
        (await As("admin", "policy", "validate", draft)).With(0);
        var tried = (await As("auditor", "policy", "what-if", draft, "--from", "1h ago", "--json")).With(0).Json;
        Assert.True(tried.GetProperty("judged").GetInt64() > 0);
        Assert.InRange(tried.GetProperty("changed").GetInt64(), 0, tried.GetProperty("judged").GetInt64());
        (await As("admin", "policy", "publish", draft, "--after", $"{version - 1}")).With(1);
        Assert.Contains($"version {version + 1} is in force", (await As("admin", "policy", "publish", draft, "--after", $"{version}")).With(0).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_could_do_what_is_told_of_any_instant()
    {
        var grant = await world.Grant("engineer", "everything");
        await world.TicketFor("engineer", grant);
        var now = (await As("auditor", "audit", "as-of", "orders", "--json")).With(0).Json;
        Assert.Contains(now.GetProperty("access").EnumerateArray(), a => a.GetProperty("grant").GetString() == grant);
        (await As("engineer", "surrender", grant)).With(0);
        var lost = (await As("auditor", "audit", "as-of", "orders", now.GetProperty("at").GetString()!, "--and", "now", "--json")).With(0).Json.GetProperty("lost");
        Assert.Contains(lost.EnumerateArray(), a => a.GetProperty("grant").GetString() == grant);
    }

    [Fact]
    public async Task An_agents_one_time_token_is_the_output_and_nothing_else_is()
    {
        var invited = (await As("admin", "agent", "enroll", $"agent-{name}", "--resource", "elsewhere")).With(0);
        Assert.Matches("^e_[0-9a-f]{64}\n$", invited.Out);
        SecretSweep.OfTheRun.Knows("an enrolment token", invited.Out.Trim());
        Assert.DoesNotContain(invited.Out.Trim(), invited.Error, StringComparison.Ordinal);
    }
}
