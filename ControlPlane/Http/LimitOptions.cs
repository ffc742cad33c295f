using System.Net;
using AccessPlane.ControlPlane.Policies;
using FluentValidation;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Section `Limits` of the configuration: what anybody may ask of the API before it is known who they are.</summary>
public sealed class LimitOptions
{
    /// <summary>Calls a second from one address (of IPv6: from one /64), once its burst is used up.</summary>
    public int PerAddress { get; init; } = 200;
    public int PerAddressBurst { get; init; } = 500;

    /// <summary>Calls that one address may have running: transcripts that are followed count for as long as they are.</summary>
    public int AtOncePerAddress { get; init; } = 300;

    /// <summary>Calls a second from everybody together.</summary>
    public int Overall { get; init; } = 2_000;
    public int OverallBurst { get; init; } = 4_000;
    public int AtOnce { get; init; } = 2_000;
    public int Connections { get; init; } = 10_000;

    /// <summary>Of a body, in bytes.</summary>
    public int Body { get; init; } = 64 * 1024;

    /// <summary>Of a body that is a policy document, in bytes.</summary>
    public int PolicyBody { get; init; } = YamlText.LongestText;

    /// <summary>From the first byte of a call to the last of its headers.</summary>
    public TimeSpan Headers { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes a second that a body must come in with, after five seconds.</summary>
    public int BodyRate { get; init; } = 1024;

    /// <summary>Between two calls on one connection.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Addresses of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed; nobody else's are.</summary>
    public IList<string> TrustedProxies { get; init; } = [];

    internal static LimitOptions Of(IConfiguration configuration)
    {
        var options = configuration.Part<LimitOptions>("Limits");
        new Rules().ValidateAndThrow(options);
        return options;
    }

    private sealed class Rules : AbstractValidator<LimitOptions>
    {
        public Rules()
        {
            RuleFor(o => o.PerAddress).GreaterThan(0);
            RuleFor(o => o.PerAddressBurst).GreaterThan(0);
            RuleFor(o => o.AtOncePerAddress).GreaterThan(0);
            RuleFor(o => o.Overall).GreaterThan(0);
            RuleFor(o => o.OverallBurst).GreaterThanOrEqualTo(o => o.PerAddressBurst)
                .WithMessage("Limits:OverallBurst must not be below Limits:PerAddressBurst: one address could use up what is there for all");
            RuleFor(o => o.AtOnce).GreaterThanOrEqualTo(o => o.AtOncePerAddress)
                .WithMessage("Limits:AtOnce must not be below Limits:AtOncePerAddress: one address could use up what is there for all");
            RuleFor(o => o.Connections).GreaterThan(0);
            RuleFor(o => o.Body).InclusiveBetween(1024, YamlText.LongestText);
            RuleFor(o => o.PolicyBody).InclusiveBetween(1024, YamlText.LongestText);
            RuleFor(o => o.Headers).GreaterThan(TimeSpan.Zero);
            RuleFor(o => o.BodyRate).GreaterThan(0);
            RuleFor(o => o.Idle).GreaterThan(TimeSpan.Zero);
            RuleForEach(o => o.TrustedProxies).Must(a => IPAddress.TryParse(a, out _)).WithMessage((_, a) => $"Limits:TrustedProxies: `{a}` is not an IP address");
        }
    }
}
