using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Resources;

namespace AccessPlane.ControlPlane.Policies;

/// <param name="Model">What the text means; it was checked and has no errors.</param>
public sealed record Publication(Actor Author, bool IsAdmin, string Text, PolicyModel Model);

/// <summary>An admin puts a policy document into force.</summary>
public sealed partial class PublishPolicy(Handle handle, PolicySource source)
{
    public static Outcome Decide(PublishedDocument state, Publication publication)
    {
        if (!publication.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "policies are published by admins");
        }
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(publication.Text)));
        return state.Current?.Hash == hash
            ? Outcome.Nothing // the same document is in force already
            : Outcome.Of(new PolicyPublished(state.Version + 1, publication.Author, publication.Text, hash, publication.Model));
    }

    public async Task<Handled<PublishedDocument>> Handle(Publication publication, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var handled = await handle.Run(
            new Handling<PublishedDocument>(
                Ids.Policy, PublishedDocument.StreamType, PublishedDocument.Initial, PublishedDocument.Evolve, state => Decide(state, publication),
                context, command, ifMatch),
            cancel);
        if (handled is { Refusal: null, State.Current: { } current })
        {
            source.Published(PolicySource.Of(current));
        }
        return handled;
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPut("/policies", async (HttpContext http, PublishPolicy publish, CatalogSource catalogs, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            if (!caller.IsAdmin)
            {
                return Problems.Of("admins-only", "policies are published by admins"); // before their text is read
            }
            var (text, unreadable) = await PolicyBody.Read(http, cancel);
            if (text is null)
            {
                return Problems.Of(unreadable!);
            }
            var reading = PolicyYaml.Read(text, await catalogs.Current(cancel));
            if (reading.Model is not { } model)
            {
                return Invalid(reading, "was not published");
            }
            var handled = await publish.Handle(new Publication(caller.Actor, caller.IsAdmin, text, model), command.Context, command.Id, command.IfMatch, cancel);
            if (handled.Refusal is { } refusal)
            {
                return Problems.Of(refusal, handled.State.Current is { } winning ? PolicyAnswer.Of(winning, [], withText: false) : null);
            }
            var answer = PolicyAnswer.Of(handled.State.Current!, reading.Problems, withText: false);
            return handled is { Version: 1, Position: > 0 }
                ? Answers.Created("/v1/policies/1", answer, 1)
                : Answers.Ok(answer, handled.Version);
        })
        .WithName("PublishPolicy").WithTags("Policies").WithSummary("Puts a policy document (application/yaml) into force")
        .WithMetadata(PolicyBody.Accepted)
        .Produces<PolicyAnswer>().Produces<PolicyAnswer>(StatusCodes.Status201Created);

    /// <param name="so">What did not happen because of it.</param>
    internal static IResult Invalid(PolicyReading reading, string so)
    {
        var errors = reading.Problems.Where(p => p.Severity == ProblemSeverity.Error).ToList();
        return Problems.Of(
            new Refusal("invalid-policy", $"the document has {errors.Count} error{(errors.Count == 1 ? "" : "s")} and {so}")
            {
                Errors = errors.GroupBy(p => p.Path.Length == 0 ? "document" : p.Path).ToDictionary(
                    g => g.Key, g => g.Select(p => string.Create(CultureInfo.InvariantCulture, $"line {p.Line}, column {p.Column}: {p.Message}")).ToArray()),
            },
            null, reading.Problems);
    }
}
