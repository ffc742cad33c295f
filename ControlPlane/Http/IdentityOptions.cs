using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using FluentValidation;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Section `Identity` of the configuration: whose tokens are believed.</summary>
public sealed class IdentityOptions
{
    public IList<IssuerOptions> Issuers { get; init; } = [];
}

/// <summary>`Identity:Issuers:n`.</summary>
public sealed class IssuerOptions
{
    /// <summary>Exactly as `iss` has it.</summary>
    public string Issuer { get; set; } = "";
    public string Audience { get; set; } = "accessplane";
    public string ReviewAudience { get; set; } = "accessplane-reviews";

    /// <summary>Empty: RS256, PS256 and ES256.</summary>
    public IList<string> Algorithms { get; init; } = [];
    public string GroupsClaim { get; set; } = "groups";
    public string KindClaim { get; set; } = "kind";
    public ActorKind DefaultKind { get; set; } = ActorKind.Workload;

    /// <summary>Kept with the actor and in every event: `repository`, `run_id`…</summary>
    public IList<string> EvidenceClaims { get; init; } = [];

    /// <summary>Where the issuer's metadata is, if not at `/.well-known/openid-configuration` below it.</summary>
    public string? MetadataAddress { get; set; }

    /// <summary>Values of `typ`; empty: `at+jwt` and `JWT`.</summary>
    public IList<string> Types { get; init; } = [];
    public TimeSpan? MaxAge { get; set; }

    /// <summary>Clients (`client_id` or `azp`) whose tokens are taken, for people's and agents' logins too; empty: any client of the issuer.</summary>
    public IList<string> Clients { get; init; } = [];

    /// <summary>What database clients that get their token themselves (OAUTHBEARER) ask the issuer for.</summary>
    public string LoginScope { get; set; } = "openid";

    internal IssuerTerms Terms() => new(
        Issuer, Audience, ReviewAudience, Algorithms.Count > 0 ? [.. Algorithms] : ["RS256", "PS256", "ES256"], GroupsClaim, KindClaim, DefaultKind,
        [.. EvidenceClaims], MetadataAddress, Types.Count > 0 ? [.. Types] : null, MaxAge,
        Clients.Count > 0 ? [.. Clients] : null, LoginScope);
}

/// <summary>Section `Roles` of the configuration: names of groups.</summary>
public sealed class RoleOptions
{
    public IList<string> Admins { get; init; } = [];
    public IList<string> Auditors { get; init; } = [];

    internal Caller CallerOf(ValidToken token) => new(token.Actor, IsAdmin(token.Actor), IsAuditor(token.Actor), token.UsableUntil);

    internal bool IsAdmin(Actor actor) => Has(Admins, actor);

    internal bool IsAuditor(Actor actor) => Has(Auditors, actor);

    // who acts for an admin is no admin: rights are those of the subject and of the current actor, intersected
    private static bool Has(IList<string> groups, Actor actor) => actor.RightsLinks.All(link => link.Groups.Any(groups.Contains));
}

/// <summary>The issuers that the operator trusts.</summary>
public sealed record TrustedIssuers(IReadOnlyList<IssuerTerms> All);

internal sealed class IdentityOptionsValidator : AbstractValidator<IdentityOptions>
{
    public IdentityOptionsValidator()
    {
        RuleFor(o => o.Issuers).Must(all => all.Select(i => i.Issuer).Distinct(StringComparer.Ordinal).Count() == all.Count)
            .WithMessage("Identity:Issuers names an issuer twice");
        RuleForEach(o => o.Issuers).ChildRules(issuer =>
        {
            issuer.RuleFor(i => i.Issuer).Must(IsAddress).WithMessage(i => $"Identity:Issuers: `{i.Issuer}` must be an https address (http only on loopback)");
            issuer.RuleFor(i => i.MetadataAddress).Must(a => a is null || IsAddress(a))
                .WithMessage(i => $"Identity:Issuers: `{i.MetadataAddress}` must be an https address (http only on loopback)");
            issuer.RuleFor(i => i.Audience).NotEmpty().NotEqual(i => i.ReviewAudience)
                .WithMessage(i => $"Identity:Issuers: Audience and ReviewAudience of `{i.Issuer}` must differ");
            issuer.RuleFor(i => i.ReviewAudience).NotEmpty();
            issuer.RuleForEach(i => i.Algorithms).Must(TokenReader.KnownAlgorithms.Contains)
                .WithMessage((_, algorithm) => $"Identity:Issuers: algorithm `{algorithm}` is not supported");
            issuer.RuleForEach(i => i.Clients).NotEmpty().WithMessage(i => $"Identity:Issuers: Clients of `{i.Issuer}` has one without a name");
        });
    }

    /// <summary>Keys that came over plain http would be anyone's.</summary>
    private static bool IsAddress(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && !address.Contains('|', StringComparison.Ordinal) &&
        (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));
}
