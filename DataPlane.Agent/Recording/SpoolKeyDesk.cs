using System.Collections.Concurrent;
using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Has the control plane open the keys of what an earlier process left. They come back sealed for this process alone: on the disk, nothing ever opens
/// what is there. Used by the drain, but for <see cref="Answered"/>.
/// </summary>
internal sealed partial class SpoolKeyDesk(Spool spool, AgentIdentity identity, Reports reports, InForce inForce, ILogger<SpoolKeyDesk> logger) : IDisposable
{
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(5);

    private readonly ECDiffieHellman reader = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly RecoverSpool recover = new(spool, inForce.Time);
    private readonly ConcurrentQueue<SpoolKeyAnswer> answers = [];
    private long? askedAt;

    /// <summary>Sessions of an earlier process that wait for their keys.</summary>
    public int Left => recover.Left.Count;

    /// <summary>Finds what was left, before anything new begins.</summary>
    public void Begin() => Tell(recover.Run());

    /// <summary>The same for transcripts that wait again.</summary>
    public void Found(IReadOnlyList<string> transcripts)
    {
        Tell(recover.Find(transcripts));
        askedAt = null;
    }

    /// <summary>Takes up what was answered, and asks for what was not.</summary>
    public async Task Look(CancellationToken cancel)
    {
        if (!inForce.Time.Known)
        {
            return; // what is still to be recorded is dated
        }
        while (answers.TryDequeue(out var answer))
        {
            Tell(recover.Take(answer.Session, Open(answer)));
        }
        if (Left == 0 || (askedAt is { } at && inForce.Time.GetElapsedTime(at) < AskAgainAfter))
        {
            return;
        }
        askedAt = inForce.Time.GetTimestamp();
        var mine = Convert.ToBase64String(reader.ExportSubjectPublicKeyInfo());
        try
        {
            foreach (var session in recover.Left)
            {
                await reports.Send(ReportKinds.SpoolKeyAsk, new SpoolKeyAsk(session.Session, [.. session.Wrapped.Select(w => w.Wrapped)], mine), cancel);
            }
        }
        catch (Exception failed) when (!cancel.IsCancellationRequested)
        {
            LogNotAsked(failed.Message);
        }
    }

    public void Answered(SpoolKeyAnswer answer)
    {
        answers.Enqueue(answer);
        spool.Wake();
    }

    public void Dispose() => reader.Dispose();

    private List<byte[]>? Open(SpoolKeyAnswer answer) =>
        answer.Keys is { } text && Sealed.Open(reader, text, SpoolKeyAnswer.ContextOf(identity.Id, answer.Session)) is { } keys
            ? [.. keys.Split('\n').Select(Convert.FromBase64String)]
            : null;

    private void Tell(IReadOnlyList<EvidenceGap> findings)
    {
        foreach (var finding in findings)
        {
            LogUnreadable(finding.Session, finding.Detail);
            reports.Post(ReportKinds.EvidenceGap, finding);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "transcripts of an earlier run wait: the control plane could not be asked for their keys: {Why}")]
    private partial void LogNotAsked(string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: something of its transcript was put aside: {What}")]
    private partial void LogUnreadable(Guid session, string what);
}
