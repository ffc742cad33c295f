namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Batches of CloudEvents, signed as webhooks are.</summary>
internal sealed class AuditHttp(DestinationOptions options, Poster poster, TimeProvider clock) : IAuditSink
{
    public Task<AuditMark?> Begin(CancellationToken cancel) => Task.FromResult<AuditMark?>(null);

    public Task<Attempt> Write(IReadOnlyList<AuditLine> lines, CancellationToken cancel)
    {
        using var body = new MemoryStream();
        for (var i = 0; i < lines.Count; i++)
        {
            body.WriteByte((byte)(i == 0 ? '[' : ','));
            body.Write(lines[i].Bytes);
        }
        body.WriteByte((byte)']');
        return WebhookChannel.PostSigned(
            options, poster, clock, CloudEvent.BatchMediaType, $"audit_{lines[0].Position}_{lines[^1].Position}", body.ToArray(), cancel);
    }
}
