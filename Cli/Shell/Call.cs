using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.SignIn;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Shell;

/// <summary>One run of a command: what it was given, and with what it works.</summary>
internal sealed class Call(Surroundings around, ParseResult given) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);
    private readonly HttpClient http = NewHttp(around);
    private Uri? url;
    private Api? api;

    public Surroundings Around => around;
    public Screen Screen { get; } = new(around, given.GetValue(Commands.Json));
    public CancellationToken Cancel => around.Interrupts.Token;
    public DateTimeOffset Now => around.Clock.GetUtcNow();

    /// <summary>The control plane: from `--url`, ACCESSPLANE_URL, or the sign-in, where its token is used: another one is for wherever it came from.</summary>
    public Uri Url => url ??= Address.Of(
        given.GetValue(Commands.Url) ?? around.Setting(Surroundings.Url) ?? (BringsToken ? null : SignInFile.Of(around).Read()?.Url.AbsoluteUri)
        ?? throw new StopException(Exit.Usage, "which control plane?", "name it with `--url` or in ACCESSPLANE_URL, or sign in with `accessplane login --url ADDRESS`"),
        "the control plane's address");

    public Api Api => api ??= MakeApi();

    public T? Value<T>(Option<T> option) => given.GetValue(option);

    public T Value<T>(Argument<T> argument) => given.GetValue(argument)!;

    /// <summary>A span that was typed, or null where none was.</summary>
    public TimeSpan? Span(Option<string?> option) => Value(option) is not { } text ? null
        : Times.Span(text) ?? throw new StopException(Exit.Usage, $"`{text}` of `{option.Name}` is no span of time", "give one such as `20m`, `1h30m` or `PT20M`");

    public DateTimeOffset? Instant(Option<string?> option) => Value(option) is not { } text ? null : Instant(text, option.Name);

    public DateTimeOffset Instant(string text, string name) => Times.Instant(text, Now, around.Zone)
        ?? throw new StopException(Exit.Usage, $"`{text}` of `{name}` is no time", "give one such as `2026-03-01T14:03:00Z`, `14:03`, `20m ago` or `now`");

    public string At(DateTimeOffset at) => Times.At(at, Now, around.Zone);

    public string Left(DateTimeOffset until) => Times.Left(until, Now);

    public static HttpClient NewHttp(Surroundings around) => new(around.Network()) { Timeout = Patience };

    public void Dispose() => http.Dispose();

    private bool BringsToken => given.GetValue(Commands.TokenFile) is not null || around.Setting(Surroundings.Token) is not null;

    private Api MakeApi()
    {
        http.BaseAddress = Url;
        return new Api(http, new Tokens(around, Url, given.GetValue(Commands.TokenFile), http).Current, around.Clock);
    }
}
