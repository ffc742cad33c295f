using AccessPlane.Cli.SignIn;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>These look at a file: what matters of it is who can read it.</summary>
public sealed class SignInFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-sign-in").FullName;
    private static readonly SignedIn Erin = new(
        new Uri("https://accessplane.example/"), "https://idp.example", new Uri("https://idp.example/token"), "accessplane-cli",
        new Dictionary<string, string> { ["resource"] = "urn:accessplane" }, "access", new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero), "refresh");

    private SignInFile File => new($"{folder}/accessplane");

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Nobody_but_its_owner_can_read_it()
    {
        File.Write(Erin);
        File.Write(Erin);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, System.IO.File.GetUnixFileMode(File.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, System.IO.File.GetUnixFileMode($"{folder}/accessplane"));
        Assert.Equal([File.Path], Directory.GetFiles($"{folder}/accessplane"));
    }

    [Fact]
    public void What_was_written_is_read_and_forgotten_once()
    {
        File.Write(Erin);
        var read = File.Read()!;
        Assert.Equal((Erin.Url, Erin.RefreshToken, Erin.Until, "urn:accessplane"), (read.Url, read.RefreshToken, read.Until, read.Parameters["resource"]));
        Assert.DoesNotContain("refresh", read.ToString(), StringComparison.Ordinal);
        Assert.True(File.Forget());
        Assert.False(File.Forget());
        Assert.Null(File.Read());
    }

    [Fact]
    public void One_that_is_damaged_says_to_sign_in_again()
    {
        File.Write(Erin);
        System.IO.File.WriteAllText(File.Path, "{");
        Assert.Equal(Exit.NotSignedIn, Assert.Throws<StopException>(() => File.Read()).ExitCode);
    }

    [Theory]
    [InlineData("/dev/null/accessplane")]
    [InlineData("/proc/accessplane")]
    public async Task A_folder_that_cannot_be_there_is_named(string folder)
    {
        var stop = await Assert.ThrowsAsync<StopException>(() => new SignInFile(folder).Alone(TimeProvider.System, TestContext.Current.CancellationToken));
        Assert.Equal(Exit.NotSignedIn, stop.ExitCode);
        Assert.StartsWith($"no sign-in can be kept in `{folder}`: ", stop.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_process_at_a_time_renews_it()
    {
        var first = await File.Alone(TimeProvider.System, TestContext.Current.CancellationToken);
        var second = File.Alone(TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.False(second.IsCompleted);
        first.Dispose();
        (await second).Dispose();
    }

    [Theory]
    [InlineData("eyJhbGciOiJub25lIn0.eyJuYW1lIjoiRXJpbiBFbmdpbmVlciIsInN1YiI6ImVuZ2luZWVyIn0.", "Erin Engineer")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiJlbmdpbmVlciJ9.", "engineer")]
    [InlineData("opaque", "somebody")]
    public void Whose_token_it_is_is_told_as_far_as_it_can_be(string token, string who) => Assert.Equal(who, SignedIn.WhoseIs(token));
}
