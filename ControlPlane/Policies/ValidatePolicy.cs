using AccessPlane.ControlPlane.Resources;

namespace AccessPlane.ControlPlane.Policies;

/// <param name="Valid">It could be published.</param>
/// <param name="Problems">Errors and warnings, in the order of the document.</param>
public sealed record PolicyCheck(bool Valid, IReadOnlyList<PolicyProblem> Problems);

/// <summary>Checks a document and changes nothing.</summary>
public static class ValidatePolicy
{
    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/policies/validate", async (HttpContext http, CatalogSource catalogs, CancellationToken cancel) =>
        {
            var (text, unreadable) = await PolicyBody.Read(http, cancel);
            if (text is null)
            {
                return Http.Problems.Of(unreadable!);
            }
            var reading = PolicyYaml.Read(text, await catalogs.Current(cancel));
            return Results.Ok(new PolicyCheck(reading.IsValid, reading.Problems));
        })
        .WithName("ValidatePolicy").WithTags("Policies").WithSummary("Says everything that is wrong with a policy document (application/yaml), and changes nothing")
        .WithMetadata(PolicyBody.Accepted)
        .Produces<PolicyCheck>();
}
