using System.Text.Json.Nodes;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Notifications;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What a destination in Slack says, and with which buttons: they are there where somebody there may decide.</summary>
internal sealed class SlackWords(string destination, DestinationOptions options, PolicySource policy, string url)
{
    private readonly string? console = url.Length > 0 ? url : null;

    public async Task<SlackMessage> Of(News news, CancellationToken cancel)
    {
        var mayDecide = options.SigningSecretFile is not null && options.People.Count > 0 && news.Asks is not null &&
            TakeVouchedReview.CanTell((await policy.Current(cancel)).Model, news.Asks);
        return new SlackMessage(news, console, mayDecide ? new SlackButtons(destination, SecretFiles.Read(options.SigningSecretFile!)) : null);
    }

    /// <summary>In the place of a message about the same whose buttons decide nothing any more.</summary>
    public JsonObject WithoutButtons(News news) => new SlackMessage(news, console, null).ToJson();
}
