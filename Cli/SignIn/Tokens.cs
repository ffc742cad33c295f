using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.SignIn;

/// <summary>The access token of a command: from a file, from the environment, or from the sign-in, which is renewed when its time is over.</summary>
internal sealed class Tokens(Surroundings around, Uri url, string? tokenFile, HttpClient http)
{
    /// <summary>A token that ends on its way is worth nothing.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);
    private const string Holds = "name a file that holds an access token and nothing else";
    private SignedIn? signedIn;

    public async Task<string> Current(CancellationToken cancel)
    {
        // a file is read each time: whoever renews what is in it meanwhile is not in vain
        if (tokenFile is not null)
        {
            return OfFile(tokenFile);
        }
        if (around.Setting(Surroundings.Token) is { } given)
        {
            return given;
        }
        signedIn ??= SignInFile.Of(around).Read();
        if (signedIn is null || signedIn.Url != url)
        {
            throw new StopException(Exit.NotSignedIn, signedIn is null ? "you are not signed in" : $"you are signed in at {signedIn.Url}, not at {url}", "sign in with `accessplane login`");
        }
        return IsFresh(signedIn) ? signedIn.AccessToken : (signedIn = await Renew(cancel)).AccessToken;
    }

    private bool IsFresh(SignedIn state) => state.Until - Margin > around.Clock.GetUtcNow();

    private async Task<SignedIn> Renew(CancellationToken cancel)
    {
        var file = SignInFile.Of(around);
        using var alone = await file.Alone(around.Clock, cancel);
        // another command may have renewed it meanwhile
        var state = file.Read() ?? throw Over("you have signed out");
        if (IsFresh(state))
        {
            return state;
        }
        if (state.RefreshToken is null)
        {
            throw Over("your sign-in is over");
        }
        var answer = await new Issuer(http).Tokens(
            state.TokenEndpoint, state.Parameters, cancel, ("grant_type", "refresh_token"), ("refresh_token", state.RefreshToken), ("client_id", state.ClientId));
        if (answer.AccessToken is null)
        {
            throw Over($"your sign-in is over: {answer.Description ?? answer.Error}");
        }
        var renewed = state with
        {
            AccessToken = answer.AccessToken,
            Until = around.Clock.GetUtcNow() + TimeSpan.FromSeconds(answer.ExpiresIn ?? 60),
            RefreshToken = answer.RefreshToken ?? state.RefreshToken,
        };
        file.Write(renewed);
        return renewed;
    }

    private static StopException Over(string what) => new(Exit.NotSignedIn, what, "sign in with `accessplane login`");

    /// <summary>INVARIANT: never nothing. Whoever names a file means to be who it says, and not who happens to be signed in.</summary>
    private static string OfFile(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim() is { Length: > 0 } token ? token
                : throw new StopException(Exit.Usage, $"the token file `{path}` is empty: whoever writes it has not done so, or failed to", Holds);
        }
        catch (Exception bad) when (bad is IOException or UnauthorizedAccessException)
        {
            throw new StopException(Exit.Usage, $"the token's file `{path}` cannot be read: {bad.Message}", Holds);
        }
    }
}
