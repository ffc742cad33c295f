using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Projections;
using AccessPlane.Tests.Unit;
using Xunit;

namespace AccessPlane.Tests.Integration.Projections;

public sealed class EveryEventTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private const string Scoped = """{"databases":["orders"],"statements":["select"]}""";

    private static readonly string Entries = string.Concat(((string[])
    [
        $$"""{"seq":1,"at":"2026-01-31T12:00:00.000001Z","kind":"scope","scopeHash":"{{RulingBasis.HashOf(Encoding.UTF8.GetBytes(Scoped))}}","scope":{{Scoped}}}""",
        """{"seq":2,"at":"2026-01-31T12:00:00.000002Z","kind":"statement","op":1,"protocol":"simple","text":"SELECT 1","effect":"allow","policy":1}""",
        """{"seq":3,"at":"2026-01-31T12:00:00.000003Z","kind":"rows","op":1,"columns":[{"name":"?column?","type":23}],"values":[["1"]],"rowsOmitted":1,"bytesOmitted":7}""",
        """{"seq":4,"at":"2026-01-31T12:00:00.000003Z","kind":"result","op":1,"outcome":"completed","status":"I","duration":9,"rows":1,"bytes":11,"tag":"SELECT 1"}""",
    ]).Select(line => line + "\n"));

    /// <summary>What begins something; every other event is about what was begun.</summary>
    private static readonly Type[] First =
        [typeof(AgentInvited), typeof(AgentEnrolled), typeof(RequestSubmitted), typeof(GrantIssued), typeof(GrantActivated), typeof(SessionOpened), typeof(OperationHeld)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static IEvent Some(Type type) => type == typeof(TranscriptRecorded)
        ? new TranscriptRecorded(Guid.Empty, "sample", 1, 1, 4, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(Guid.Empty)), true, Entries, "")
        : (IEvent)Sample.Of(type);

    /// <summary>Of each table: how many rows it has, and what is in them.</summary>
    private async Task<Dictionary<string, (long Rows, string Hash)>> Contents(Projector projector)
    {
        var all = new Dictionary<string, (long, string)>();
        foreach (var projection in projector.Projections)
        {
            await using var command = database.Source.CreateCommand($"SELECT count(*), md5(coalesce(string_agg(key || row::text, E'\\n' ORDER BY key), '')) FROM accessplane.{projection.Table}");
            await using var reader = await command.ExecuteReaderAsync(Cancel);
            await reader.ReadAsync(Cancel);
            all[projection.Name] = (reader.GetInt64(0), reader.GetString(1));
        }
        return all;
    }

    [Fact]
    public async Task Whatever_kinds_of_events_there_are_a_rebuild_gives_the_same_rows_in_every_table()
    {
        var projector = new Projector(
            database.Source, [new Requests(), new PendingApprovals(), new GrantsByHolder(), new AccessPlane.Projections.Sessions(), new Operations(), new RulingBases(), new AgentHealth(), new AccessAsOf(), new HeldOperations()]);
        await projector.CreateTables(Cancel);
        var folded = projector.Projections.SelectMany(p => p.Types).Distinct().Order(StringComparer.Ordinal).Select(name => EventNames.TypeOf(name)!);
        var (life, waiting) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var version = 0L;
        foreach (var type in First.Concat(folded.Except(First)))
        {
            await database.Log.Append(new Append([new StreamAppend(life, "sample", version++, [Some(type)])], new EventContext(Actor.System("test"), Guid.Empty)), Cancel);
            while (await projector.CatchUp(Cancel))
            {
            }
        }
        await database.Log.Append(new Append([new StreamAppend(waiting, "request", 0, [Some(typeof(RequestSubmitted))])], new EventContext(Actor.System("test"), Guid.Empty)), Cancel);
        while (await projector.CatchUp(Cancel))
        {
        }

        var lived = await Contents(projector);
        Assert.All(lived, table => Assert.True(table.Value.Rows > 0, $"{table.Key} is empty"));
        foreach (var projection in projector.Projections)
        {
            await projector.Rebuild(projection, Cancel);
        }
        Assert.Equal(lived, await Contents(projector));
    }
}
