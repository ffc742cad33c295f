using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

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
}
