using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.SignIn;

/// <summary>`login`: the device authorization grant (RFC 8628). The person signs in with whichever browser they have; nothing is typed here that is secret.</summary>
internal static class Login
{
    private static readonly TimeSpan UsualInterval = TimeSpan.FromSeconds(5);

    public static Command Define() => Commands.Make("login", "Signs you in by your browser; the sign-in is kept for later commands", Run);

    private static async Task<int> Run(Call call)
    {
        using var http = Call.NewHttp(call.Around);
        var (issuer, url, clock) = (new Issuer(http), call.Url, call.Around.Clock);
        var terms = await issuer.Terms(url, call.Cancel);
        var metadata = await issuer.Metadata(terms, call.Cancel);
        var device = await issuer.Begin(terms, metadata, call.Cancel);
        call.Screen.Say($"Open {device.VerificationUri} in a browser and enter the code {device.UserCode}");
        if (device.VerificationUriComplete is { } complete)
        {
            call.Screen.Say($"or open {complete} and compare the code");
        }
        var endpoint = new Uri(Address.Of(metadata.TokenEndpoint, "the issuer's token endpoint").AbsoluteUri.TrimEnd('/'));
        var tokens = await call.Screen.While("waiting until you have signed in", _ => Poll(issuer, endpoint, terms, device, clock, call.Cancel));
        var signedIn = new SignedIn(
            url, terms.Issuer, endpoint, terms.ClientId, terms.Parameters, tokens.AccessToken!, clock.GetUtcNow() + TimeSpan.FromSeconds(tokens.ExpiresIn ?? 60),
            tokens.RefreshToken);
        var file = SignInFile.Of(call.Around);
        using (await file.Alone(clock, call.Cancel))
        {
            file.Write(signedIn);
        }
        var who = SignedIn.WhoseIs(signedIn.AccessToken);
        call.Screen.Line($"signed in at {url} as {who}", "good");
        call.Screen.Document(new { url = url.AbsoluteUri, issuer = terms.Issuer, name = who, expiresAt = signedIn.RefreshToken is null ? signedIn.Until : (DateTimeOffset?)null });
        return Exit.Ok;
    }

    private static async Task<TokenAnswer> Poll(Issuer issuer, Uri endpoint, SignInTerms terms, DeviceCode device, TimeProvider clock, CancellationToken cancel)
    {
        var interval = device.Interval is { } seconds ? TimeSpan.FromSeconds(seconds) : UsualInterval;
        for (var end = clock.GetUtcNow() + TimeSpan.FromSeconds(device.ExpiresIn); clock.GetUtcNow() < end;)
        {
            await Task.Delay(interval, clock, cancel);
            var answer = await issuer.Tokens(
                endpoint, terms.Parameters, cancel,
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", device.Code), ("client_id", terms.ClientId));
            switch (answer)
            {
                case { AccessToken: not null }:
                    return answer;
                case { Error: "authorization_pending" }:
                    break;
                case { Error: "slow_down" }: // RFC 8628 §3.5
                    interval += UsualInterval;
                    break;
                case { Error: "access_denied" }:
                    throw new StopException(Exit.Refused, "the sign-in was refused in the browser", "`accessplane login` begins another");
                case { Error: "expired_token" }:
                    throw Late();
                default:
                    throw new StopException(Exit.Refused, $"`{terms.Issuer}` gives no token: {answer.Description ?? answer.Error ?? "it says not why"}", "tell whoever runs the control plane");
            }
        }
        throw Late();
    }

    private static StopException Late() => new(Exit.TimedOut, "nobody signed in with this code in time", "`accessplane login` gives another");
}
