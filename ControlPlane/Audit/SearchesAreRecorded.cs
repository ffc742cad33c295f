using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>
/// Who searches what others ran is in the log before they are shown a line of it. A page that follows along asks for the same again and again, and pages come one after
/// the other: that is one search, told once in ten minutes by each replica.
/// </summary>
public sealed class SearchesAreRecorded(EventLog log, TimeProvider clock)
{
    public const string StreamType = "operations-search";
    private static readonly TimeSpan Told = TimeSpan.FromMinutes(10);

    /// <summary>So many are remembered; who asks for more than that is told again.</summary>
    private const int Most = 10_000;
    private readonly ConcurrentDictionary<string, DateTimeOffset> told = new();

    internal async Task Record(HttpContext http, IReadOnlyDictionary<string, string> by, CancellationToken cancel)
    {
        var (caller, now) = (http.Caller(), clock.GetUtcNow());
        // who asks on and on for what is newer asks for the same
        var search = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', by.Where(b => b.Key is not ("from" or "until"))
            .OrderBy(b => b.Key, StringComparer.Ordinal).Select(b => $"{b.Key}={b.Value}").Prepend(caller.Actor.ChainKey)))));
        if (told.TryGetValue(search, out var before) && now - before < Told)
        {
            return;
        }
        await log.Append(
            new Append([new StreamAppend(Guid.CreateVersion7(now), StreamType, 0, [new OperationsSearched(caller.Actor, by)])], new EventContext(caller.Actor, http.Correlation())),
            cancel);
        if (told.Count >= Most)
        {
            told.Clear();
        }
        told[search] = now;
    }
}
