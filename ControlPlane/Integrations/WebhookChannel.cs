using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>News as signed CloudEvents.</summary>
internal sealed class WebhookChannel(DestinationOptions options, Poster poster, TimeProvider clock, string source) : INewsChannel
{
    public Task<Attempt> Tell(News news, CancellationToken cancel) =>
        PostSigned(options, poster, clock, CloudEvent.MediaType, news.Id, news.ToCloudEvent(source).ToBytes(), cancel);

    /// <summary>Signed at the time of the attempt: a receiver refuses what is old.</summary>
    internal static Task<Attempt> PostSigned(
        DestinationOptions options, Poster poster, TimeProvider clock, string mediaType, string id, byte[] body, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        string?[] files = [options.SecretFile, options.PreviousSecretFile];
        return poster.Post(
            options.Address, mediaType, body,
            [
                (WebhookSignature.IdHeader, id), (WebhookSignature.TimestampHeader, WebhookSignature.Timestamp(now)),
                (WebhookSignature.SignatureHeader, WebhookSignature.Sign(id, now, body, files.OfType<string>().Select(SecretFiles.Read))),
            ],
            cancel);
    }
}
