using System.Text.Json.Nodes;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>Somebody signs in at a command line by a code, with a browser of their own.</summary>
public sealed class SignInTests(TestWorld world) : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    private string Kept => $"{home}/config/accessplane/sign-in.json";

    private async Task<Ended> Mine(params string[] arguments)
    {
        await using var run = CommandLine.Start(world, home, null, arguments);
        return await run.End();
    }

    private async Task<Ended> SignIn(bool yes = true, params string[] arguments)
    {
        using var browser = new DeviceBrowser();
        await using var login = CommandLine.Start(world, home, null, ["login", .. arguments]);
        await login.Says("compare the code");
        await browser.SignIn(login.Error, "engineer", yes);
        var ended = await login.End();
        if (File.Exists(Kept))
        {
            SecretSweep.OfTheRun.KnowsFile(Kept);
        }
        return ended;
    }

    [Fact]
    public async Task Who_brings_the_code_to_a_browser_is_signed_in_until_they_sign_out()
    {
        Assert.Contains("as Erin Engineer", (await SignIn()).With(0).Out, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Kept));
        Assert.Contains("orders-write", (await Mine("resources")).With(0).Out, StringComparison.Ordinal);

        (await Mine("logout")).With(0);
        Assert.False(File.Exists(Kept));
        Assert.Contains("`accessplane login`", (await Mine("resources")).With(3).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sign_in_is_renewed_when_its_token_is_over_by_many_commands_at_once()
    {
        (await SignIn(arguments: "--json")).With(0);
        var before = JsonNode.Parse(await File.ReadAllTextAsync(Kept))!;
        before["until"] = "2026-01-01T00:00:00Z";
        before["accessToken"] = "over";
        await File.WriteAllTextAsync(Kept, before.ToJsonString());

        // a refresh token that was used twice would have the issuer end the sign-in
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Mine("grants", "--json"))), ended => ended.With(0));
        var after = JsonNode.Parse(await File.ReadAllTextAsync(Kept))!;
        Assert.NotEqual("over", (string?)after["accessToken"]);
        Assert.NotEqual((string?)before["refreshToken"], (string?)after["refreshToken"]);
        SecretSweep.OfTheRun.KnowsFile(Kept);
    }

    [Fact]
    public async Task Who_says_no_in_the_browser_is_not_signed_in()
    {
        Assert.Contains("refused in the browser", (await SignIn(yes: false)).With(1).Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Kept));
    }

    private async Task<Ended> Bringing(string token, string file)
    {
        await using var run = CommandLine.Start(world, home, token, "resources", "--token-file", file);
        return await run.End();
    }

    [Fact]
    public async Task A_token_in_a_file_counts_before_that_of_the_environment()
    {
        var (file, token) = ($"{home}/token", await world.Api.Token("engineer"));
        await File.WriteAllTextAsync(file, $"{token}\n");
        Assert.Contains("orders-write", (await Bringing("nobodys", file)).With(0).Out, StringComparison.Ordinal);
        await File.WriteAllTextAsync(file, "nobodys");
        (await Bringing(token, file)).With(3);

        var missing = (await Bringing(token, $"{home}/not-there")).With(2);
        Assert.StartsWith($"error: the token's file `{home}/not-there` cannot be read: ", missing.Error, StringComparison.Ordinal);
        Assert.Empty(missing.Out);
    }

    [Fact]
    public async Task Whoever_asks_is_told_where_people_sign_in_and_nothing_else()
    {
        using var http = new HttpClient { BaseAddress = new Uri(world.Url) };
        var told = JsonNode.Parse(await http.GetStringAsync(new Uri("/v1/sign-in", UriKind.Relative), TestContext.Current.CancellationToken))!.AsObject();
        Assert.Equal(["clientId", "issuer", "metadataAddress", "parameters", "scopes"], told.Select(m => m.Key).Order(StringComparer.Ordinal));
        Assert.Equal((world.Issuer, "accessplane-cli"), ((string?)told["issuer"], (string?)told["clientId"]));
    }
}
