using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What is wrong with the configuration, one line each. The first one ends the start.</summary>
internal static class IntegrationRules
{
    private static readonly TimeSpan LongestAttempt = TimeSpan.FromMinutes(5);

    public static IEnumerable<string> Problems(IntegrationOptions options, IReadOnlyCollection<string> issuers) =>
        options.Destinations.SelectMany(d => Problems(d.Key, d.Value, issuers).Select(why => $"`Integrations:Destinations:{d.Key}`: {why}"));

    private static IEnumerable<string> Problems(string name, DestinationOptions o, IReadOnlyCollection<string> issuers)
    {
        if (!Ids.IsName(name))
        {
            yield return "its name must be 1 to 63 lower case letters, digits and dashes, starting with a letter";
        }
        if (o.FirstPause <= TimeSpan.Zero || o.LongestPause < o.FirstPause || o.Timeout <= TimeSpan.Zero || o.Timeout > LongestAttempt || o.GiveUpAfter <= TimeSpan.Zero || o.SetAsideAfter <= TimeSpan.Zero)
        {
            yield return "its times must be longer than nothing, `Timeout` at most 5 minutes, and `LongestPause` not below `FirstPause`";
        }
        var own = o.What switch
        {
            DestinationKind.Webhook or DestinationKind.AuditHttp => Address(o).Concat(Signed(o)),
            DestinationKind.Slack => (o.IsBot ? Bot(o) : Address(o)).Concat(Slack(o, issuers)),
            DestinationKind.Email => Email(o),
            DestinationKind.AuditFile => File(o),
            _ => ["`Kind` must be `webhook`, `slack`, `email`, `audit-http` or `audit-file`"],
        };
        foreach (var problem in own)
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Address(DestinationOptions o)
    {
        if (string.IsNullOrEmpty(o.Url) == string.IsNullOrEmpty(o.UrlFile))
        {
            yield return "`Url` or `UrlFile` must be set, and not both";
        }
        else if (o.UrlFile is null || Readable(o.UrlFile))
        {
            // the address itself may be a secret: it is not repeated
            var isAddress = Uri.TryCreate(o.UrlFile is null ? o.Url : SecretFiles.Read(o.UrlFile), UriKind.Absolute, out var uri) && uri.UserInfo.Length == 0;
            if (!isAddress || !(uri!.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && (uri.IsLoopback || o.AllowHttp))))
            {
                yield return "its address must be https (http only on loopback, or with `AllowHttp`), without a user";
            }
        }
        else
        {
            yield return $"`UrlFile`: cannot read `{o.UrlFile}`";
        }
    }

    private static IEnumerable<string> Signed(DestinationOptions o)
    {
        if (o.SecretFile is null)
        {
            yield return "`SecretFile` must name the file with the secret that it is signed with";
        }
        foreach (var file in new[] { o.SecretFile, o.PreviousSecretFile }.OfType<string>())
        {
            if (!Readable(file) || !WebhookSignature.IsSecret(SecretFiles.Read(file)))
            {
                yield return $"`{file}` must hold `whsec_` and 24 to 64 bytes in base64";
            }
        }
    }

    private static IEnumerable<string> Bot(DestinationOptions o)
    {
        if (!Readable(o.TokenFile!))
        {
            yield return $"`TokenFile`: cannot read `{o.TokenFile}`";
        }
        if (string.IsNullOrEmpty(o.Channel) || !o.Channel.All(char.IsAsciiLetterOrDigit))
        {
            yield return "`Channel` must be the id of the channel that the bot of `TokenFile` posts to";
        }
        if (o.UrlFile is not null)
        {
            yield return "`UrlFile` is for an incoming webhook, and `TokenFile` for a bot: not both";
        }
        foreach (var problem in o.Url is null || o.UrlFile is not null ? [] : Address(o))
        {
            yield return problem;
        }
    }

    private static IEnumerable<string> Slack(DestinationOptions o, IReadOnlyCollection<string> issuers)
    {
        if (o.SigningSecretFile is { } file && !Readable(file))
        {
            yield return $"`SigningSecretFile`: cannot read `{file}`";
        }
        if (o.People.Count > 0 && (o.SigningSecretFile is null || string.IsNullOrEmpty(o.Team)))
        {
            yield return "`People` decide by buttons, which need `SigningSecretFile` and the `Team` that they are users of";
        }
        foreach (var (user, person) in o.People)
        {
            if (!issuers.Contains(person.Issuer) || person.Subject.Length == 0 || !ReadableText.IsReadable(person.Subject) || !ReadableText.IsReadable(person.Name))
            {
                yield return $"`People:{user}` must have an `Issuer` that is one of `Identity:Issuers`, and the `Subject` that its tokens have";
            }
        }
    }

    private static IEnumerable<string> Email(DestinationOptions o)
    {
        if (o.Smtp.Host.Length == 0 || o.Smtp.Port is < 1 or > 65535 || !MailText.IsAddress(o.Smtp.From))
        {
            yield return "`Smtp:Host`, `Smtp:Port` and the address `Smtp:From` must be set";
        }
        if (o.To.Count == 0 || o.To.Values.Any(all => all.Length == 0 || !all.All(MailText.IsAddress)))
        {
            yield return "`To` must have an address or more for each group, such as `dba@example.org`";
        }
        if (o.Smtp.RequireTls == false && !MailText.IsLoopback(o.Smtp.Host))
        {
            yield return "`Smtp:RequireTls` can be switched off for a server on loopback only";
        }
        if (o.Smtp.RootCertificate is { } roots && !MailTrust.HasRoots(roots))
        {
            yield return $"`Smtp:RootCertificate`: there is no certificate in `{roots}`";
        }
        if ((o.Smtp.User is null) != (o.Smtp.PasswordFile is null) || (o.Smtp.PasswordFile is { } file && !Readable(file)))
        {
            yield return "`Smtp:User` and a `Smtp:PasswordFile` that can be read belong together";
        }
    }

    private static IEnumerable<string> File(DestinationOptions o)
    {
        if (string.IsNullOrEmpty(o.Path) || !Path.IsPathRooted(o.Path) || !Directory.Exists(Path.GetDirectoryName(o.Path)))
        {
            yield return "`Path` must name a file, from the root, in a directory that is there";
        }
        if (o.MaxSize < 1024)
        {
            yield return "`MaxSize` must be 1024 bytes or more";
        }
    }

    private static bool Readable(string file)
    {
        try
        {
            return SecretFiles.Read(file).Length > 0;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
