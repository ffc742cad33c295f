using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Projections;

/// <summary>Another version made the read models in another shape: they are folded anew beside, while everything goes on.</summary>
public sealed class ReshapeTests : IAsyncLifetime
{
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Engineer = new("https://idp.example", "engineer", "Erin", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    // a log of its own for each test: it only grows
    private readonly TestDatabase database = new();

    public ValueTask InitializeAsync() => database.InitializeAsync();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    private sealed record OldRow(Guid Id, string Wanted, string Dropped);

    private sealed record NewRow(Guid Id, string Wanted, string? Reason = null);

    private sealed record StrangerRow(Guid Id, string Wanted, string Added);

    private sealed class Asked<TRow>(Func<RequestSubmitted, TRow> begin, string name = "asked", ManualResetEventSlim? until = null, TaskCompletionSource? begun = null)
        : Projection<TRow>(name, typeof(RequestSubmitted))
        where TRow : class
    {
        public override IReadOnlyList<string> Columns => ["wanted text GENERATED ALWAYS AS (row ->> 'wanted') STORED"];

        public override IReadOnlyList<(string Name, string Definition)> Indexes => typeof(TRow) == typeof(OldRow) ? [] : [("wanted", "(wanted)")];

        public override IEnumerable<Change> Changes(Stored stored)
        {
            begun?.TrySetResult();
            until?.Wait(TimeSpan.FromSeconds(60), Cancel); // it lasts as long as the test wants
            var submitted = (RequestSubmitted)stored.Event;
            yield return Begin(submitted.Request.ToString("D"), begin(submitted));
        }
    }

    private static Asked<OldRow> Old => new(e => new OldRow(e.Request, e.Entitlement, "x"));
    private static Asked<NewRow> New => new(e => new NewRow(e.Request, e.Entitlement, e.Reason));
    private static Asked<StrangerRow> Stranger => new(e => new StrangerRow(e.Request, e.Entitlement, "y"));

    private async Task<string> Contents()
    {
        await using var command = database.Source.CreateCommand("SELECT string_agg(concat_ws(' ', key, row, position, wanted), E'\\n' ORDER BY key) FROM accessplane.p_asked");
        return (string)(await command.ExecuteScalarAsync(Cancel))!;
    }

    private async Task<string> Ask(string? reason = "why not ☃")
    {
        var id = Guid.CreateVersion7();
        var asked = new RequestSubmitted(id, Engineer, "orders-write", "orders", TimeSpan.FromMinutes(20), reason, null, [], At.AddHours(1), 1);
        await database.Log.Append(new Append([new StreamAppend(id, "request", 0, [asked])], new EventContext(Engineer, Guid.Empty)), Cancel);
        return id.ToString("D");
    }

    private async Task<Projector> Start(params Projection[] projections)
    {
        var projector = new Projector(database.Source, projections);
        await projector.CreateTables(Cancel);
        return projector;
    }

    private static async Task CatchUp(Projector projector)
    {
        while (await projector.CatchUp(Cancel))
        {
        }
    }

    private ReadBarrier Barrier(Projector projector) => new(database.Log, projector, TimeProvider.System);

    /// <summary>What the table of a version looks like that was there from the beginning.</summary>
    private async Task<string> AsIfAlwaysThere(Projection projection)
    {
        var projector = await Start(projection);
        await projector.Reshape(Cancel);
        await projector.Rebuild(projection, Cancel);
        return await Contents();
    }

    [Fact]
    public async Task Rows_of_an_older_shape_that_can_be_read_are_read_and_kept_up_until_their_successors_are_there_byte_for_byte()
    {
        var older = await Start(Old);
        var before = await Ask();
        await CatchUp(older);

        using var gate = new ManualResetEventSlim();
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slow = await Start(new Asked<NewRow>(e => new NewRow(e.Request, e.Entitlement, e.Reason), until: gate, begun: begun));
        var reshape = Task.Run(() => slow.Reshape(Cancel), Cancel);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        // another replica of the new version goes on
        var (newer, rows, model) = (await Start(New), new Rows(database.Source), New);
        var meanwhile = await Ask();
        await CatchUp(newer);
        await Barrier(newer).CaughtUp(newer.Projections, Cancel);
        Assert.Null((await rows.Find(model, before, Cancel))!.Reason);
        Assert.Equal("why not ☃", (await rows.Find(model, meanwhile, Cancel))!.Reason);
        Assert.All(await newer.Status(Cancel), s => Assert.True(s is { Readable: true, Rebuilt: not null }));

        gate.Set();
        await reshape;
        Assert.All(await newer.Status(Cancel), s => Assert.Null(s.Rebuilt));
        Assert.Equal("why not ☃", (await rows.Find(model, before, Cancel))!.Reason);
        await Ask(null);
        await CatchUp(newer);
        await CatchUp(older); // what the older version still does changes nothing
        var lived = await Contents();
        Assert.DoesNotContain("dropped", lived, StringComparison.Ordinal);
        Assert.Equal(await AsIfAlwaysThere(New), lived);
    }

    [Fact]
    public async Task Rows_that_cannot_be_read_are_not_and_whoever_asks_is_told_how_far_it_is_while_all_else_goes_on()
    {
        await CatchUp(await Start(Old));
        await Ask();
        await CatchUp(await Start(Old, new Asked<NewRow>(e => new NewRow(e.Request, e.Entitlement), "other")));

        var other = new Asked<NewRow>(e => new NewRow(e.Request, e.Entitlement), "other");
        var stranger = await Start(Stranger, other);
        await stranger.Reshape(Cancel); // the other had not been there when the log began
        await using (var again = database.Source.CreateCommand("UPDATE accessplane.ap_projections SET shape = 'older', lines = '{}' WHERE name = 'asked'"))
        {
            await again.ExecuteNonQueryAsync(Cancel);
        }
        var lived = await Contents();
        stranger = await Start(Stranger, other);
        await Ask();
        await CatchUp(stranger);
        await Barrier(stranger).CaughtUp([other], Cancel);
        var told = await Assert.ThrowsAsync<UnavailableException>(() => Barrier(stranger).CaughtUp(stranger.Projections, Cancel));
        Assert.Equal("being-rebuilt", told.Code);
        Assert.Contains("`asked` is being folded from the log for this version, 0 % of it are done", told.Message, StringComparison.Ordinal);
        Assert.Equal(lived, await Contents());

        await stranger.Reshape(Cancel);
        await Barrier(stranger).CaughtUp(stranger.Projections, Cancel);
        Assert.Equal(await AsIfAlwaysThere(Stranger), await Contents());
    }

    [Fact]
    public async Task A_read_model_that_is_new_is_folded_from_a_log_that_is_not_and_a_reader_who_stays_long_keeps_only_the_old_one_in_place()
    {
        await CatchUp(await Start(New));
        var before = await Ask();
        var projector = await Start(New, new Asked<NewRow>(e => new NewRow(e.Request, e.Entitlement), "other"));
        await CatchUp(projector);
        await Barrier(projector).CaughtUp([projector.Projections[0]], Cancel);
        await projector.Reshape(Cancel);
        await Barrier(projector).CaughtUp(projector.Projections, Cancel);

        await using var reader = await database.Source.OpenConnectionAsync(Cancel);
        await using var reading = await reader.BeginTransactionAsync(Cancel);
        await using (var look = new Npgsql.NpgsqlCommand("SELECT count(*) FROM accessplane.p_asked", reader))
        {
            await look.ExecuteScalarAsync(Cancel);
        }
        using var runner = new ProjectionRunner(projector, database.Pulse, TimeProvider.System, NullLogger<ProjectionRunner>.Instance);
        await runner.StartAsync(Cancel);
        var rebuild = projector.Rebuild(projector.Projections[0], Cancel);
        for (var i = 0; i < 5; i++)
        {
            var asked = await Ask();
            await Barrier(projector).CaughtUp(projector.Projections, Cancel);
            Assert.NotNull(await new Rows(database.Source).Find(New, asked, Cancel));
            Assert.NotNull(await new Rows(database.Source).Find(New, before, Cancel));
        }
        Assert.False(rebuild.IsCompleted);
        await reading.CommitAsync(Cancel);
        await rebuild.WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        await runner.StopAsync(Cancel);
        Assert.Equal(6, (await Contents()).Split('\n').Length);
    }
}
