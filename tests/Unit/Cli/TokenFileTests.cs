using AccessPlane.Cli.SignIn;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>`--token-file` says who one is. What goes wrong with it never makes one somebody else.</summary>
public sealed class TokenFileTests : IDisposable
{
    private const string Url = "https://accessplane.example/";
    private readonly Around around = new() { Clock = new Hurried() };
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-token-file").FullName;
    private readonly Answering network = new(OneOfEach.To);

    public TokenFileTests()
    {
        around.Variables["ACCESSPLANE_URL"] = Url;
        around.Variables["ACCESSPLANE_TOKEN"] = "of a job";
        around.Variables["XDG_CONFIG_HOME"] = folder;
        around.Network = network;
        SignInFile.Of(around.Surroundings()).Write(new SignedIn(
            new Uri(Url), "https://idp.example", new Uri("https://idp.example/token"), "accessplane-cli", new Dictionary<string, string>(), "of a person",
            new DateTimeOffset(2126, 3, 1, 12, 0, 0, TimeSpan.Zero), null));
    }

    private string TokenFile => $"{folder}/token";

    public void Dispose()
    {
        around.Dispose();
        network.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData(" \r\n\n")]
    public async Task An_empty_one_is_refused_and_nobody_is_asked_in_another_name(string text)
    {
        await File.WriteAllTextAsync(TokenFile, text, TestContext.Current.CancellationToken);
        Assert.Equal(Exit.Usage, await around.Run("grants", "--token-file", TokenFile));
        Assert.StartsWith($"error: the token file `{TokenFile}` is empty: ", around.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(network.Came);
        Assert.Empty(around.Out.ToString());
    }

    /// <summary>A script whose variable is not set names no file.</summary>
    [Fact]
    public async Task No_name_is_refused_as_well()
    {
        Assert.Equal(Exit.Usage, await around.Run("grants", "--token-file", ""));
        Assert.Contains("`--token-file`", around.Error.ToString(), StringComparison.Ordinal);
        Assert.Empty(network.Came);
    }
}
