using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Console;

/// <summary>Section `Console` of the configuration. There is a console where a client for it is named, unless it is switched off.</summary>
public sealed class ConsoleOptions
{
    public bool Enabled { get; set; } = true;

    /// <summary>Which of `Identity:Issuers` people sign in at; may be left out where there is one.</summary>
    public string? Issuer { get; set; }

    /// <summary>The console's client at that issuer, with the redirect address `…/console/signed-in`.</summary>
    public string? ClientId { get; set; }
    public string? ClientSecret { get; set; }

    /// <summary>A file with the secret, in the place of <see cref="ClientSecret"/>.</summary>
    public string? ClientSecretFile { get; set; }

    /// <summary>Empty: `openid` and `profile`. Where the issuer wants `offline_access` for refresh tokens, name it.</summary>
    public IList<string> Scopes { get; init; } = [];

    /// <summary>What else the issuer wants to hear to give a token for the API's audience: `resource`, `audience`…</summary>
    public IDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>After this somebody signs in again, however often their token was renewed.</summary>
    public TimeSpan SignInFor { get; set; } = TimeSpan.FromHours(12);

    internal bool IsOn => Enabled && !string.IsNullOrEmpty(ClientId);

    internal string Secret => ClientSecret ?? SecretFiles.Read(ClientSecretFile!);

    internal static ConsoleOptions Of(IConfiguration configuration)
    {
        var options = configuration.Part<ConsoleOptions>("Console");
        var issuers = configuration.Part<IdentityOptions>("Identity").Issuers;
        if (options.IsOn)
        {
            options.Issuer ??= issuers is [var only] ? only.Issuer : null;
            new Rules([.. issuers.Select(i => i.Issuer)]).ValidateAndThrow(options);
        }
        return options;
    }

    private sealed class Rules : AbstractValidator<ConsoleOptions>
    {
        public Rules(IReadOnlyList<string> issuers)
        {
            RuleFor(o => o.Issuer).Must(issuer => issuer is not null && issuers.Contains(issuer))
                .WithMessage("Console:Issuer must be one of Identity:Issuers");
            RuleFor(o => o).Must(o => string.IsNullOrEmpty(o.ClientSecret) != string.IsNullOrEmpty(o.ClientSecretFile))
                .WithMessage("Console:ClientSecret or Console:ClientSecretFile must be set, and not both");
            RuleFor(o => o.SignInFor).GreaterThan(TimeSpan.Zero).WithMessage("Console:SignInFor must be longer than nothing");
        }
    }
}
