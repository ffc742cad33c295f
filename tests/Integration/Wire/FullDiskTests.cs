using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Transcripts;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An agent whose disk has no more room: it stands still, loses nothing, and goes on.</summary>
public sealed class FullDiskTests
{
    private static readonly string Long = new('x', 20_000);

    private static async Task<string> Refused(WireAgent agent)
    {
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        return (await Assert.ThrowsAsync<WireError>(() => client.Prove(password))).Message;
    }

    [Fact]
    public async Task A_disk_that_is_really_full_freezes_every_session_loses_nothing_and_lets_all_go_on_when_there_is_room()
    {
        const int sessions = 5;
        using var disk = SmallDisk.Mount();
        await using var agent = await Start(new WireOptions { SpoolIn = disk.Path });
        await agent.Directly("create table full_disk (a int)", $"grant all on full_disk to {agent.Database}");
        var clients = new List<RawClient>();
        for (var i = 0; i < sessions; i++)
        {
            clients.Add(await agent.Connect());
            Assert.Equal("C[INSERT 0 1] ZI", Story(await clients[i].Ask(Query($"insert into full_disk values ({i})"))));
        }
        agent.LookAtSpool();
        disk.Fill();
        foreach (var client in clients)
        {
            await client.Send(Query($"insert into full_disk values (100) -- {Long}"));
        }
        await Until(() => Task.FromResult(agent.OnDisk().Split("values (100)").Length > 1 && agent.Live.Frozen));
        Assert.Equal((long)sessions, await agent.Ask("select count(*) from full_disk"));
        Assert.Contains("cannot record another session", await Refused(agent), StringComparison.Ordinal);
        agent.LookAtSpool(); // a look at the full disk does not thaw what the writing froze
        Assert.True(agent.Live.Frozen);
        Assert.Equal(sessions, agent.Live.Count);

        disk.Empty();
        agent.LookAtSpool();
        Assert.False(agent.Live.Frozen);
        foreach (var client in clients)
        {
            Assert.Equal("C[INSERT 0 1] ZI", Story(await client.UntilReady()));
            await client.StillWorks();
            client.Dispose();
        }
        Assert.Equal(2L * sessions, await agent.Ask("select count(*) from full_disk"));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        var entries = agent.Transcript().Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!).ToList();
        Assert.Equal(sessions, entries.Count(e => e.Kind == "statement" && e.Text!.Contains("values (100)", StringComparison.Ordinal)));
        Assert.Equal(3 * sessions, entries.Count(e => e.Kind == "statement"));
        Assert.Equal(3 * sessions, entries.Count(e => e is { Kind: "result", Outcome: "completed" }));
        Assert.Equal(sessions, entries.Count(e => e.Kind == "end"));
        FaultReport.Saw($"{sessions} sessions frozen and 1 new one refused on a full disk; with room again {sessions} statements went on: {2 * sessions} rows by the server's count, {entries.Count(e => e.Kind == "statement" && e.Text!.StartsWith("insert", StringComparison.Ordinal))} inserts recorded, 0 lost");
    }

    [Fact]
    public async Task A_spool_that_fills_up_admits_nobody_then_stands_still_and_goes_on_when_the_control_plane_has_taken_it()
    {
        await using var agent = await Start(new WireOptions { Spool = new SpoolLimits(400_000, 0.85, 0.95, TimeSpan.FromSeconds(60)) });
        using var client = await agent.Connect();
        async Task FillTo(double share)
        {
            while (agent.SpoolFullness < share)
            {
                Assert.Equal("D[1] C[SELECT 1] ZI", Story((await client.Ask(Query($"select 1 -- {Long}"))).Where(m => m.Type != 'T')));
                agent.LookAtSpool();
            }
        }

        await FillTo(0.85);
        Assert.False(agent.Live.Frozen);
        Assert.Contains("cannot record another session", await Refused(agent), StringComparison.Ordinal);
        await client.StillWorks();
        await FillTo(0.95);
        Assert.True(agent.Live.Frozen);
        await client.Send(Query("select 'alive'"));
        await Task.WhenAny(client.Socket.ReceiveAsync(new byte[1], System.Net.Sockets.SocketFlags.Peek), Task.Delay(300, TestContext.Current.CancellationToken));
        Assert.Equal(0, client.Socket.Available);
        agent.Drain();
        Assert.False(agent.Live.Frozen);
        Assert.Equal("T D[alive] C[SELECT 1] ZI", Story(await client.UntilReady()));
        await (await agent.Connect()).StillWorks();
    }

    [Fact]
    public async Task Whom_a_full_spool_ends_after_all_is_told_so_what_waited_never_ran_and_the_record_has_its_end()
    {
        await using var agent = await Start(new WireOptions { Spool = SpoolLimits.Standard with { Bytes = 400_000 } });
        using var client = await agent.Connect();
        while (agent.SpoolFullness < 0.95)
        {
            await client.Ask(Query($"select 1 -- {Long}"));
            agent.LookAtSpool();
        }
        Assert.True(agent.Live.Frozen);
        await client.Send(Query("create table never_ran ()"));
        await Task.WhenAny(client.Socket.ReceiveAsync(new byte[1], System.Net.Sockets.SocketFlags.Peek), Task.Delay(300, TestContext.Current.CancellationToken));
        Assert.Equal(0, client.Socket.Available);
        agent.Live.CutWhere(_ => true, "spool", "the session cannot be recorded any more: the agent's disk is full", 0);
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        Assert.Equal(true, await agent.Ask("select to_regclass('never_ran') is null"));
        var entries = agent.Transcript().Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!).ToList();
        Assert.DoesNotContain(entries, e => e.Kind == "statement" && e.Text == "create table never_ran ()");
        Assert.Equal(("end", "spool"), (entries[^1].Kind, entries[^1].Cause));
    }

    [Fact]
    public async Task On_a_disk_that_went_read_only_nothing_runs_unrecorded_and_nobody_comes_in()
    {
        using var disk = SmallDisk.MountFailing();
        await using var agent = await Start(new WireOptions { SpoolIn = disk.Path });
        await agent.Directly("create table read_only (a int)", $"grant all on read_only to {agent.Database}");
        using var client = await agent.Connect();
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.Ask(Query("insert into read_only values (1)"))));
        disk.GoReadOnly();
        await client.Send(Query("insert into read_only values (2)"));
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(() => agent.Backends("true", 0));
        var (user, password) = agent.Ticket();
        using var late = await Dial(agent.Port);
        await late.Send(Startup(("user", user), ("database", agent.Database)));
        await late.Prove(password);
        Assert.Equal("E58030", Story(await late.UntilReady()));
        Assert.Equal(1L, await agent.Ask("select count(*) from read_only"));
    }

    [Fact]
    public async Task After_a_crash_only_what_was_running_is_indeterminate()
    {
        await using var agent = await Start();
        await agent.Directly("create table lost (a int)", $"grant all on lost to {agent.Database}");
        using var client = await agent.Connect();
        await client.Ask(Query("insert into lost values (1); insert into lost values (2)"));
        await client.Ask(Query("select nonsense"));
        await client.Ask(Parse("s", "insert into lost values ($1)"), Bind("", "s", "3"), Execute(), Bind("", "s", "x"), Execute(), Bind("", "s", "4"), Execute(), Sync);
        await client.Ask(Query("begin"));
        await client.Ask(Query("copy lost to stdout"));
        await client.Send(Query("select pg_sleep(30)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        agent.LookAtSpool();

        using var crashed = new Agents.StateFolder();
        agent.CopySpool(crashed.File("spool"));
        using var next = new Spool(crashed.Path, SpoolLimits.Standard, Agents.ControlPlaneKey.Wrap, TimeProvider.System);
        Assert.Empty(Agents.ControlPlaneKey.Recover(next));
        var entries = Segment.Lines(next.Files.Single().Entries()).Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!).ToList();
        var unknown = Assert.Single(entries, e => e.Outcome == "indeterminate");
        Assert.Equal("select pg_sleep(30)", entries.Single(e => e.Kind == "statement" && e.Op == unknown.Op).Text);
        Assert.Equal("lost", entries[^1].Cause);
        Assert.Equal(entries.Count(e => e.Kind == "statement"), entries.Count(e => e.Kind == "result"));
    }
}
