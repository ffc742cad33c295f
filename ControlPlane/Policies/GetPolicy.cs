using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>A published policy document.</summary>
/// <param name="Hash">SHA-256 of the text, lower-case hex.</param>
/// <param name="Text">As its author wrote it; absent in the answer to its publication.</param>
/// <param name="Warnings">What its author should look at, in the answer to its publication.</param>
public sealed record PolicyAnswer(
    long Version, string Hash, string Author, DateTimeOffset? PublishedAt, string? Text, IReadOnlyList<PolicyProblem>? Warnings)
{
    internal static PolicyAnswer Of(PolicyPublished published, IReadOnlyList<PolicyProblem> warnings, bool withText, DateTimeOffset? at = null) => new(
        published.Version, published.Hash, published.Author.Key, at, withText ? published.Text : null, warnings.Count == 0 ? null : warnings);
}

/// <summary>The document in force, or any that was. Every decision names the version that led to it.</summary>
public static class GetPolicy
{
    internal static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/policies/current", (HttpContext http, EventLog log, CancellationToken cancel) => Answer(http, log, null, cancel))
            .WithName("GetCurrentPolicy").WithTags("Policies").WithSummary("The policy in force, as JSON or, where `Accept` asks for it, as its YAML text")
            .Produces<PolicyAnswer>();
        routes.MapGet("/policies/{version:long}", (long version, HttpContext http, EventLog log, CancellationToken cancel) => Answer(http, log, version, cancel))
            .WithName("GetPolicy").WithTags("Policies").WithSummary("A policy that was in force")
            .Produces<PolicyAnswer>();
    }

    private static async Task<IResult> Answer(HttpContext http, EventLog log, long? version, CancellationToken cancel)
    {
        var caller = http.Caller();
        if (!caller.IsAdmin && !caller.IsAuditor)
        {
            return Http.Problems.Of("auditors-only", "policy documents are for admins and auditors");
        }
        var stream = await log.ReadStream(Ids.Policy, cancel);
        var stored = version is { } wanted ? stream.FirstOrDefault(s => s.Version == wanted) : stream is [.., var last] ? last : null;
        if (stored?.Event is not PolicyPublished published)
        {
            return Http.Problems.Of("no-such-policy", version is null ? "no policy was published yet" : $"there is no version {version} of the policy");
        }
        if (http.Request.Headers.Accept.ToString().Contains("yaml", StringComparison.OrdinalIgnoreCase))
        {
            http.Response.Headers.ETag = $"\"{published.Version}\"";
            return Results.Text(published.Text, "application/yaml");
        }
        return Answers.Ok(PolicyAnswer.Of(published, [], withText: true, stored.At), published.Version);
    }
}
