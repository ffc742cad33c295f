using System.Text.Json;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.SignIn;

/// <summary>Where the sign-in is kept: `sign-in.json` in `$XDG_CONFIG_HOME/accessplane` (`~/.config/accessplane`). INVARIANT: nobody but its owner can read it,
/// from its first byte on.</summary>
internal sealed class SignInFile(string folder)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnly | UnixFileMode.UserExecute;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public string Path => System.IO.Path.Combine(folder, "sign-in.json");

    public static SignInFile Of(Surroundings around) =>
        new(System.IO.Path.Combine(around.Variable("XDG_CONFIG_HOME") is { Length: > 0 } config ? config : System.IO.Path.Combine(Home(around), ".config"), "accessplane"));

    /// <summary>Not the folder that one is in: what lies there may be somebody else's, and would say where tokens go.</summary>
    private static string Home(Surroundings around) => around.Variable("HOME") is { Length: > 0 } home ? home
        : throw new StopException(Exit.NotSignedIn, "you are not signed in, and cannot be: HOME is not set", "name the control plane in ACCESSPLANE_URL and bring a token in ACCESSPLANE_TOKEN");

    public SignedIn? Read()
    {
        try
        {
            return JsonSerializer.Deserialize<SignedIn>(File.ReadAllBytes(Path), Json.Options);
        }
        catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception bad) when (bad is JsonException or UnauthorizedAccessException or IOException)
        {
            throw new StopException(Exit.NotSignedIn, $"`{Path}` cannot be read: {bad.Message}", "sign in again with `accessplane login`");
        }
    }

    public void Write(SignedIn signedIn)
    {
        Directory.CreateDirectory(folder, OwnerOnlyFolder);
        var (bytes, next) = (JsonSerializer.SerializeToUtf8Bytes(signedIn, Json.Options), $"{Path}.new");
        File.Delete(next);
        using (var file = new FileStream(next, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        {
            file.Write(bytes);
        }
        // whoever reads meanwhile has the one or the other, and never a half
        File.Move(next, Path, overwrite: true);
    }

    public bool Forget()
    {
        var was = File.Exists(Path);
        File.Delete(Path);
        return was;
    }

    /// <summary>One process at a time: a refresh token that is used twice is taken for a stolen one.</summary>
    public async Task<IDisposable> Alone(TimeProvider clock, CancellationToken cancel)
    {
        try
        {
            Directory.CreateDirectory(folder, OwnerOnlyFolder);
        }
        catch (Exception bad) when (bad is IOException or UnauthorizedAccessException)
        {
            throw Unusable(bad);
        }
        for (var began = clock.GetTimestamp(); ;)
        {
            try
            {
                return new FileStream(
                    System.IO.Path.Combine(folder, "lock"),
                    new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = OwnerOnly });
            }
            catch (IOException) when (clock.GetElapsedTime(began) < Patience)
            {
                await Task.Delay(Pause, clock, cancel);
            }
            catch (Exception bad) when (bad is IOException or UnauthorizedAccessException)
            {
                throw Unusable(bad);
            }
        }
    }

    private StopException Unusable(Exception why) => new(
        Exit.NotSignedIn, $"no sign-in can be kept in `{folder}`: {why.Message}", "name another folder in XDG_CONFIG_HOME, or bring a token in ACCESSPLANE_TOKEN", null, why);
}
