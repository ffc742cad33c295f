using AccessPlane.Cli.SignIn;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>`--token-file` says who one is, or ACCESSPLANE_TOKEN. What goes wrong with these never makes one somebody else.</summary>
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

    /// <summary>What a job leaves that failed to fill it.</summary>
    [Theory]
    [InlineData("ACCESSPLANE_TOKEN", "")]
    [InlineData("ACCESSPLANE_TOKEN", " \n")]
    [InlineData("ACCESSPLANE_URL", "")]
    [InlineData("ACCESSPLANE_URL", "\t")]
    public async Task A_variable_that_is_set_and_blank_is_refused_and_nobody_is_asked(string name, string value)
    {
        around.Variables[name] = value;
        Assert.Equal(Exit.Usage, await around.Run("grants"));
        Assert.Equal($"error: {name} is set, and blank\n  give it a value, or unset it\n", around.Error.ToString());
        Assert.Empty(network.Came);
    }

    /// <summary>Whoever has no use for it is not asked to mend it.</summary>
    [Fact]
    public async Task A_blank_variable_hinders_nobody_who_names_the_file_and_the_address()
    {
        await File.WriteAllTextAsync(TokenFile, "of a job", TestContext.Current.CancellationToken);
        (around.Variables["ACCESSPLANE_TOKEN"], around.Variables["ACCESSPLANE_URL"]) = ("", "");
        Assert.Equal(Exit.Ok, await around.Run("grants", "--token-file", TokenFile, "--url", Url));
        Assert.Single(network.Came);
    }
}
