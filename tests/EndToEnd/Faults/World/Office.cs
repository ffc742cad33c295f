using System.Collections.Concurrent;
using System.Security.Cryptography;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// People who ask for access and two approvers who race for each request, at whichever control plane answers. Who hears nothing says the same again, under the same
/// key, to the other one.
/// </summary>
internal sealed class Office : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);
    private readonly Product product;
    private readonly string mark = $"office-{Guid.CreateVersion7():N}";
    private readonly ConcurrentDictionary<string, Guid> acknowledged = new();
    private readonly ConcurrentDictionary<Guid, int> approved = new();
    private readonly CancellationTokenSource stop = new();
    private readonly Task[] people;
    private int repeated;

    public Office(Product product)
    {
        this.product = product;
        people = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(Asks))];
    }

    public int Asked => acknowledged.Count;

    /// <summary>Calls that were made again, because nobody answered the first.</summary>
    public int Repeated => Volatile.Read(ref repeated);

    public async Task Stop()
    {
        await stop.CancelAsync();
        await Task.WhenAll(people).WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>What was acknowledged is in the log, once; each was decided once, whoever and how often they said so.</summary>
    public async Task Compare()
    {
        var requests = $"(SELECT stream_id FROM accessplane.mt_events WHERE type = 'request_submitted' AND data ->> 'reason' LIKE '{mark}%')";
        var ids = await product.AskLog<Guid[]>($"SELECT coalesce(array_agg(stream_id), '{{}}') FROM {requests} r");
        Assert.Equal(acknowledged.Values.Order(), ids.Order());
        foreach (var type in (string[])["request_approved", "grant_issued"])
        {
            var once = await product.AskLog<Guid[]>(
                $"SELECT coalesce(array_agg(coalesce((data ->> 'request')::uuid, stream_id)), '{{}}') FROM accessplane.mt_events WHERE type = '{type}' AND coalesce((data ->> 'request')::uuid, stream_id) IN {requests}");
            Assert.Equal(ids.Order(), once.Order());
        }
        // of two who say yes, one may come too late; nobody hears that it was not decided
        Assert.Equal(ids.Order(), approved.Keys.Order());
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(people).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task Asks()
    {
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var reason = $"{mark}-{Guid.CreateVersion7():N}";
            var asked = (await Say("engineer", "/v1/requests", new { entitlement = "by-approval", duration = "PT1H", reason })).Is(201);
            var id = Guid.Parse(asked.Text("id"));
            acknowledged[reason] = id;
            foreach (var answer in await Task.WhenAll(Approves("dba", id), Approves("dba2", id)))
            {
                Assert.True(answer.Status is 200 or 409, $"{answer.Status}: {answer.Body}");
                if (answer.Status == 200)
                {
                    approved.AddOrUpdate(id, 1, (_, n) => n + 1);
                }
            }
            await Task.Delay(Pace, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task<Answer> Approves(string who, Guid request) => Say(who, $"/v1/requests/{request}/reviews", new { verdict = "approve" });

    /// <summary>Until somebody answers.</summary>
    private async Task<Answer> Say(string who, string path, object body)
    {
        var key = $"{Guid.CreateVersion7()}";
        for (var at = RandomNumberGenerator.GetInt32(2); ; at++)
        {
            try
            {
                var answer = await product.Planes[at % 2].Api.Post(who, path, body, key);
                if (answer.Status != 503)
                {
                    return answer;
                }
            }
            catch (Exception silent) when (silent is HttpRequestException or IOException)
            {
                // it died: before it was heard, or after
            }
            Interlocked.Increment(ref repeated);
            await Task.Delay(20);
        }
    }
}
