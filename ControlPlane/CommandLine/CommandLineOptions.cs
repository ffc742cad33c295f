using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.CommandLine;

/// <summary>Section `CommandLine` of the configuration: the client under which `accessplane login` signs people in. It is a public client, without a secret:
/// whoever has the program would have it too.</summary>
public sealed class CommandLineOptions
{
    /// <summary>Which of `Identity:Issuers` people sign in at; may be left out where there is one.</summary>
    public string? Issuer { get; set; }

    /// <summary>A client of that issuer with the device authorization grant (RFC 8628). Nobody signs in at a command line where none is named.</summary>
    public string? ClientId { get; set; }

    /// <summary>Empty: `openid`, `profile` and `offline_access`.</summary>
    public IList<string> Scopes { get; init; } = [];

    /// <summary>What else the issuer wants to hear to give a token for the API's audience: `resource`, `audience`…</summary>
    public IDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    internal static CommandLineOptions Of(IConfiguration configuration)
    {
        var options = configuration.Part<CommandLineOptions>("CommandLine");
        var issuers = configuration.Part<IdentityOptions>("Identity").Issuers;
        if (!string.IsNullOrEmpty(options.ClientId))
        {
            options.Issuer ??= issuers is [var only] ? only.Issuer : null;
            new Rules([.. issuers.Select(i => i.Issuer)]).ValidateAndThrow(options);
        }
        return options;
    }

    private sealed class Rules : AbstractValidator<CommandLineOptions>
    {
        public Rules(IReadOnlyList<string> issuers) =>
            RuleFor(o => o.Issuer).Must(issuer => issuer is not null && issuers.Contains(issuer)).WithMessage("CommandLine:Issuer must be one of Identity:Issuers");
    }
}
