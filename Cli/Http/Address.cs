using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Http;

/// <summary>Where tokens are sent to: never in the clear, but on the machine itself.</summary>
internal static class Address
{
    public static Uri Of(string text, string what)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
        {
            throw new StopException(Exit.Usage, $"{what} `{text}` is no address", "give one such as `https://accessplane.example`");
        }
        return uri.Scheme == Uri.UriSchemeHttps || uri.IsLoopback
            ? new Uri(uri.AbsoluteUri.TrimEnd('/') + "/")
            : throw new StopException(Exit.Usage, $"{what} `{text}` is not encrypted: whoever listens would have your token", "use its https address");
    }
}
