using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Projections;
using Xunit;

namespace AccessPlane.Tests.Integration.Projections;

public sealed class RebuildTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Engineer = new("https://idp.example", "engineer", "Erin", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);

    private Projector Projector() => new(
        database.Source, [new Requests(), new PendingApprovals(), new GrantsByHolder(), new AccessPlane.Projections.Sessions(), new Operations(), new RulingBases(), new AgentHealth(), new AccessAsOf(), new HeldOperations()]);

    private Task<Appended> Append(Guid stream, string type, long expected, params IEvent[] events) =>
        database.Log.Append(new Append([new StreamAppend(stream, type, expected, events)], new EventContext(Engineer, Guid.Empty)), Cancel);

    /// <summary>One life of each kind, with an end and with corrections on the way.</summary>
    private async Task Live(int n)
    {
        var (request, grant, session) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        var step = new ApprovalStep(Who.Nobody with { Groups = ["dba"] }, 1);
        await Append(request, "request", 0,
            new RequestSubmitted(request, Engineer, "orders-write", "orders", TimeSpan.FromMinutes(20), "why not ☃", null, [step], At.AddHours(1), 1),
            new ReviewGiven(Guid.CreateVersion7(), Engineer with { Subject = "dba" }, ReviewVerdict.Approve, 0, "fine"),
            new RequestApproved(grant, ["https://idp.example|dba"]));
        await Append(grant, "grant", 0,
            new GrantIssued(grant, request, Engineer, "orders-write", "orders", Scope.Any, TimeSpan.FromMinutes(20), At.AddMinutes(30), 10, TokenLogin.WorkloadsOnly, 1),
            new GrantActivated(At, At.AddMinutes(20), Scope.Any, 10, TokenLogin.WorkloadsOnly, 1));
        await Append(grant, "grant", 2, new GrantRevoked(Engineer, "done"), new RevocationAcknowledged("orders-agent", 1, TimeSpan.FromMilliseconds(12.345)));
        var lines = new StringBuilder();
        for (var op = 1; op <= 30; op++)
        {
            lines.Append($$"""{"seq":{{(2 * op) - 1}},"at":"2026-01-31T12:00:00.000001Z","kind":"statement","op":{{op}},"protocol":"simple","text":"SELECT {{n}}, {{op}}","effect":"allow","policy":1}""").Append('\n')
                .Append($$"""{"seq":{{2 * op}},"at":"2026-01-31T12:00:00.000002Z","kind":"result","op":{{op}},"outcome":"completed","status":"I","duration":9,"rows":1,"bytes":11,"tag":"SELECT 1"}""").Append('\n');
        }
        await Append(session, "session", 0,
            new SessionOpened(session, grant, "orders", "orders-agent", Engineer, "orders", "127.0.0.1:1", "psql", At, n, 1, "orders-write"),
            new TranscriptRecorded(session, "orders-agent", 1, 1, 60, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), true, lines.ToString(), ""),
            new SessionClosed(At.AddMinutes(1), "closed"));
    }

    private async Task<string> Contents(Projector projector)
    {
        var all = new StringBuilder();
        foreach (var projection in projector.Projections)
        {
            await using var command = database.Source.CreateCommand($"SELECT md5(coalesce(string_agg(key || row::text, E'\\n' ORDER BY key), '')), count(*) FROM accessplane.{projection.Table}");
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            await reader.ReadAsync(Cancel);
            all.Append(projection.Name).Append(' ').Append(reader.GetString(0)).Append(' ').Append(reader.GetInt64(1)).Append('\n');
        }
        return all.ToString();
    }

    private static async Task CatchUp(Projector projector)
    {
        while (await projector.CatchUp(Cancel))
        {
        }
    }

    [Fact]
    public async Task A_rebuild_gives_the_same_tables_byte_for_byte_twice_and_a_crowd_of_projectors_does_too()
    {
        var projector = Projector();
        await projector.CreateTables(Cancel);
        for (var n = 0; n < 40; n++)
        {
            await Live(n);
            await CatchUp(projector); // event by event, as it is in life
        }
        var lived = await Contents(projector);
        Assert.Contains("operations", lived, StringComparison.Ordinal);
        for (var round = 0; round < 2; round++)
        {
            foreach (var projection in projector.Projections)
            {
                await projector.Rebuild(projection, Cancel);
            }
            Assert.Equal(lived, await Contents(projector));
        }

        await using (var forget = database.Source.CreateCommand("DELETE FROM accessplane.mt_event_progression WHERE name LIKE 'projection/%'; " +
            string.Join(' ', projector.Projections.Select(p => $"DELETE FROM accessplane.{p.Table};"))))
        {
            await forget.ExecuteNonQueryAsync(Cancel);
        }
        var head = await database.Log.Drawn(Cancel);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            var one = Projector();
            while ((await one.Status(Cancel)).Min(s => s.Position) < head)
            {
                await one.CatchUp(Cancel);
            }
        }));
        Assert.Equal(lived, await Contents(projector));
    }

    /// <summary>A read model that takes as long as the test wants.</summary>
    private sealed class Slow(ManualResetEventSlim? until = null) : Projection<RequestRow>("slow", typeof(RequestSubmitted))
    {
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override IReadOnlyList<(string Name, string Definition)> Indexes => [("position", "(position)")];

        public override IEnumerable<Change> Changes(Stored stored)
        {
            Begun.TrySetResult();
            until?.Wait(TimeSpan.FromSeconds(60), Cancel);
            yield return new Requests().Changes(stored).Single();
        }
    }

    [Fact]
    public async Task While_a_read_model_is_rebuilt_however_long_everyone_reads_on_and_what_is_written_meanwhile_is_not_lost()
    {
        await using var own = new TestDatabase();
        await own.InitializeAsync();
        async Task<Guid> Ask()
        {
            var id = Guid.CreateVersion7();
            var asked = new RequestSubmitted(id, Engineer, "orders-write", "orders", TimeSpan.FromMinutes(20), null, null, [], At.AddHours(1), 1);
            await own.Log.Append(new Append([new StreamAppend(id, "request", 0, [asked])], new EventContext(Engineer, Guid.Empty)), Cancel);
            return id;
        }
        var quick = new Projector(own.Source, [new Slow()]);
        await quick.CreateTables(Cancel);
        var before = await Ask();
        await CatchUp(quick);

        using var gate = new ManualResetEventSlim();
        var slow = new Slow(gate);
        var rebuild = Task.Run(() => new Projector(own.Source, [slow]).Rebuild(slow, Cancel), Cancel);
        await slow.Begun.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        var rows = new Rows(own.Source);
        var meanwhile = await Ask();
        await CatchUp(quick);
        Assert.Null(await quick.Behind(quick.Projections, await own.Log.Drawn(Cancel), TimeSpan.FromSeconds(5), TimeProvider.System, Cancel));
        Assert.NotNull(await rows.Find(slow, before.ToString("D"), Cancel));
        Assert.NotNull(await rows.Find(slow, meanwhile.ToString("D"), Cancel));

        gate.Set();
        await rebuild;
        var after = await Ask();
        await CatchUp(quick);
        foreach (var id in (Guid[])[before, meanwhile, after])
        {
            Assert.NotNull(await rows.Find(slow, id.ToString("D"), Cancel));
        }
        // it looks as if it had always been there
        await using var names = own.Source.CreateCommand(
            "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relname LIKE '%p\\_slow%'");
        Assert.Equal("ix_p_slow_position p_slow p_slow_pkey", await names.ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task Whoever_wrote_reads_what_they_wrote()
    {
        var projector = Projector();
        await projector.CreateTables(Cancel);
        using var runner = new ProjectionRunner(
            projector, database.Pulse, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ProjectionRunner>.Instance);
        await runner.StartAsync(Cancel);
        var (barrier, rows) = (new ReadBarrier(database.Log, projector, TimeProvider.System), new Rows(database.Source));
        for (var i = 0; i < 50; i++)
        {
            var request = Guid.CreateVersion7();
            await Append(request, "request", 0, new RequestSubmitted(
                request, Engineer, "orders-write", "orders", TimeSpan.FromMinutes(20), null, null, [], At.AddHours(1), 1));
            await barrier.CaughtUp(projector.Projections, Cancel);
            Assert.NotNull(await rows.Find(new Requests(), request.ToString("D"), Cancel));
        }
        await runner.StopAsync(Cancel);
    }
}
