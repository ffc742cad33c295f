using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>
/// The only control plane dies at the moments that matter. The log's tables are the place where it can be held: a lock keeps it right before a step, and it is
/// killed there.
/// </summary>
public sealed class ControlPlaneFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await product.Ready();

    public async ValueTask DisposeAsync()
    {
        if (!product.Plane.Runs)
        {
            await product.Plane.Start();
        }
    }

    /// <param name="mode">What it is held by: it cannot look whom to tell, or it has told and cannot write that down.</param>
    [Theory]
    [InlineData("ACCESS EXCLUSIVE", "before it was sent")]
    [InlineData("EXCLUSIVE", "sent, and not known to be", Explicit = true)]
    public async Task Killed_between_a_revocation_and_its_way_to_the_agent(string mode, string when)
    {
        var grant = await product.Grant();
        await using var session = await product.Session(grant);
        await using var other = await product.Session();
        await Product.Do(session, product.NextNumber());
        var running = Product.Do(session, "SELECT pg_sleep(600)");
        var sent = mode == "EXCLUSIVE";
        await using (var hold = await Hold.Of(product, $"LOCK TABLE accessplane.agent_progress IN {mode} MODE"))
        {
            var revoked = product.Plane.Api.Post("admin", $"/v1/grants/{grant}/revoke", new { reason = "a test" });
            await Wait.Until(() => product.AskLog<bool>($"SELECT EXISTS (SELECT FROM accessplane.mt_events WHERE stream_id = '{grant}' AND type = 'grant_revoked')"), 20, () => "no revocation");
            await hold.IsWaitedFor();
            if (sent)
            {
                await Assert.ThrowsAnyAsync<NpgsqlException>(() => running.WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience)));
            }
            await product.Plane.Kill();
            await revoked.ContinueWith(_ => { }, TaskScheduler.Default); // whether it was answered or not: it is in the log
        }
        var began = Stopwatch.StartNew();
        await product.Plane.Start();
        var ended = await Assert.ThrowsAnyAsync<NpgsqlException>(() => running.WaitAsync(TimeSpan.FromSeconds(60)));
        var took = sent ? "before" : $"{began.Elapsed.TotalSeconds:0.0} s after";
        await Product.Do(other, product.NextNumber());
        await other.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds([]);
        await Wait.Until(() => product.AskLog<bool>($"SELECT count(*) = 1 FROM accessplane.mt_events WHERE stream_id = '{grant}' AND type = 'revocation_acknowledged'"), 20, () => "not acknowledged");
        Assert.Equal(1, await product.AskLog<long>($"SELECT count(*) FROM accessplane.mt_events WHERE stream_id = '{grant}' AND type = 'grant_revoked'"));
        FaultReport.Saw(
            $"{when}: the session was cut ({(ended as PostgresException)?.SqlState}) {took} the control plane began again, and acknowledged once; another session went on; {ledger}", ledger.Numbers());
    }

    /// <param name="committed">Whether the database finishes what the dead process had asked for, before it is back.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false, Explicit = true)]
    public async Task Killed_in_the_middle_of_an_approval(bool committed)
    {
        var request = (await product.Plane.Api.Post("engineer", "/v1/requests", new { entitlement = "by-approval", duration = "PT1H", reason = "a test" })).Is(201).Text("id");
        var key = $"{Guid.CreateVersion7()}";
        Task<Answer> Approve() => product.Plane.Api.Post("dba", $"/v1/requests/{request}/reviews", new { verdict = "approve" }, key);
        await using (var hold = await Hold.Of(product, $"SELECT FROM accessplane.mt_streams WHERE id = '{request}' FOR UPDATE"))
        {
            var first = Approve();
            await hold.IsWaitedFor();
            await product.Plane.Kill();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => first);
            if (!committed)
            {
                await hold.EndWhoWaits();
            }
        }
        var before = await State(request);
        Assert.Equal(committed ? "approved" : "pending", before);
        await product.Plane.Start();
        // who heard nothing says it again; and somebody else says it too
        var answers = await Task.WhenAll(Approve(), Approve(), product.Plane.Api.Post("dba2", $"/v1/requests/{request}/reviews", new { verdict = "approve" }));
        // one of the two people decided it, and whoever says the same again hears the same again
        Assert.True(answers.Select(a => a.Status).SequenceEqual([200, 200, 409]) || (!committed && answers.Select(a => a.Status).SequenceEqual([409, 409, 200])),
            string.Join(", ", answers.Select(a => a.Status)));
        Assert.Equal("approved", await State(request));
        foreach (var type in (string[])["request_approved", "grant_issued"])
        {
            Assert.Equal(1, await product.AskLog<long>($"SELECT count(*) FROM accessplane.mt_events WHERE type = '{type}' AND (stream_id = '{request}' OR data ->> 'request' = '{request}')"));
        }
        FaultReport.Saw($"killed while the approval was being written; afterwards it was {before}, and {string.Join(", ", answers.Select(a => a.Status))} were answered to the same word again, twice, and to another approver's: one approval, one grant");
    }

    /// <param name="committed">As above.</param>
    [Theory]
    [InlineData(true, Explicit = true)]
    [InlineData(false)]
    public async Task Killed_in_the_middle_of_taking_a_transcript_in(bool committed)
    {
        await using var session = await product.Session(application: $"ingest-{committed}");
        var numbers = Enumerable.Range(0, 10).Select(_ => product.NextNumber()).ToList();
        await Product.Do(session, numbers[0]);
        var id = await Session(numbers[0]);
        await using (var hold = await Hold.Of(product, $"SELECT FROM accessplane.mt_streams WHERE id = '{id}' FOR UPDATE"))
        {
            foreach (var number in numbers.Skip(1))
            {
                await Product.Do(session, number);
            }
            await hold.IsWaitedFor();
            await product.Plane.Kill();
            if (!committed)
            {
                await hold.EndWhoWaits();
            }
        }
        await product.Plane.Start();
        await product.AgentReady();
        await session.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds(numbers);
        FaultReport.Saw($"killed while a part was being written that was {(committed ? "" : "not ")}committed, and that the broker then brought again; {ledger}", ledger.Numbers());
    }

    private async Task<string> State(string request) =>
        await product.AskLog<bool>($"SELECT EXISTS (SELECT FROM accessplane.mt_events WHERE stream_id = '{request}' AND type = 'request_approved')") ? "approved" : "pending";

    /// <summary>The session that has written a row, once the log knows it.</summary>
    private async Task<Guid> Session(long number)
    {
        var sql = $"SELECT stream_id FROM accessplane.mt_events WHERE type = 'transcript_recorded' AND data ->> 'entries' LIKE '%INSERT INTO done VALUES ({number})%'";
        await Wait.Until(() => product.AskLog<bool>($"SELECT EXISTS ({sql})"), 20, () => "the session is not in the log");
        return await product.AskLog<Guid>(sql);
    }
}
