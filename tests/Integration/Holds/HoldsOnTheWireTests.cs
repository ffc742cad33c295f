using System.Diagnostics;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Xunit;
using static AccessPlane.Tests.Integration.Holds.HeldDeletes;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>Operations that wait for people, on a real server: exactly one of ran and refused, whatever happens meanwhile.</summary>
public sealed class HoldsOnTheWireTests
{
    [Fact]
    public async Task A_delete_inside_a_transaction_waits_is_released_and_commits()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        await client.Send(Query("delete from h"));
        var notice = await Notice(client);
        var held = agent.NextAsked();
        Assert.StartsWith("held by `bulk`: it waits for group `dba` until ", Field(notice, 'M'), StringComparison.Ordinal);
        Assert.EndsWith($"hold {held.Hold:D}", Field(notice, 'M'), StringComparison.Ordinal);
        Assert.Equal(
            ("delete from h", "T", "bulk", 2L, agent.Database, "simple"), (held.Text, held.Transaction, held.Rule, held.Op, held.Database, held.Protocol));
        Assert.Equal((10L, true), (held.Rows, held.Facts.Kinds.Contains("delete")));
        Assert.InRange(held.ExpiresAt - TimeProvider.System.GetUtcNow(), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(30));
        Assert.Equal("idle in transaction", await agent.Ask($"select state from pg_stat_activity where usename = '{agent.Database}' and query = 'begin'"));
        agent.Decide(held, "released");
        Assert.Equal("C[DELETE 10] ZT", Story(await client.UntilReady()));
        agent.Decide(held, "released");
        Assert.Equal("C[COMMIT] ZI", Story(await client.Ask(Query("commit"))));
        Assert.Equal(0, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"statement\"", "\"op\":2", "\"effect\":\"hold\""));
        Assert.True(Says(agent, "\"kind\":\"hold\"", "\"op\":2", $"\"hold\":\"{held.Hold:D}\"", "\"until\":"));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"op\":2", "\"outcome\":\"released\"", "\"by\":\"Dana\""));
        Assert.True(Says(agent, "\"kind\":\"result\"", "\"op\":2", "\"outcome\":\"completed\"", "DELETE 10"));
        Assert.Empty(agent.Ended);
    }

    [Theory]
    [InlineData("prepare p as delete from h", "execute p", "C[DELETE 10] ZI")]
    [InlineData("prepare p (int) as delete from h where a > $1", "execute p(4)", "C[DELETE 6] ZI")]
    public async Task Who_approves_an_execute_sees_the_statement_that_it_runs_and_all_that_it_touches(string prepare, string execute, string story)
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        agent.Guard();
        await client.Ask(Query(prepare));
        agent.Guard(Deletes());
        await client.Send(Query(execute));
        await Notice(client);
        var held = agent.NextAsked();
        Assert.Equal((execute, new HeldRun("p", prepare)), (held.Text, Assert.Single(held.Runs)));
        var written = Assert.Single(held.Facts.Relations);
        Assert.Equal(("public.h", RelationAccess.Write), (written.Name, written.Access & RelationAccess.Write));
        Assert.Equal((prepare == "prepare p as delete from h", true), (held.Facts.Unbounded, held.Facts.Kinds.Contains("delete")));
        agent.Decide(held, "released");
        Assert.Equal(story, Story(await client.UntilReady()));
        // and so does the protocol's own Execute of it
        await client.Send(Parse("", execute), Bind("", ""), Execute(), Sync);
        Assert.Equal("p", Assert.Single(agent.NextAsked().Runs).Name);
    }

    [Fact]
    public async Task Who_approves_a_fetch_sees_the_cursors_statement()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        agent.Guard();
        await client.Ask(Query("begin"));
        await client.Ask(Query("declare c cursor for select a from h"));
        agent.Guard(Deletes() with { Match = Match.Everything with { Statements = ["fetch"] } });
        await client.Send(Query("fetch 2 from c"));
        await Notice(client);
        var held = agent.NextAsked();
        Assert.Equal(new HeldRun("c", "declare c cursor for select a from h"), Assert.Single(held.Runs));
        Assert.Equal(new RelationUse("public.h", RelationAccess.Read), Assert.Single(held.Facts.Relations));
        agent.Decide(held, "released");
        Assert.Equal("T D[1] D[2] C[FETCH 2] ZT", Story(await client.UntilReady()));
    }

    [Fact]
    public async Task A_refused_one_aborts_its_transaction_as_the_servers_own_errors_do()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        await client.Send(Query("delete from h"));
        await Notice(client);
        agent.Decide(agent.NextAsked(), "refused", comment: "not on a friday");
        var answer = await client.UntilReady();
        Assert.Equal("E42501 ZE", Story(answer));
        Assert.Equal("denied by `bulk`: refused by Dana: not on a friday", Field(answer[0].Body, 'M'));
        Assert.Equal("E25P02 ZE", Story(await client.Ask(Query("select 1"))));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));
        Assert.Equal(10, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"outcome\":\"refused\"", "\"by\":\"Dana\""));
        Assert.True(Says(agent, "\"kind\":\"result\"", "\"outcome\":\"refused\""));
    }

    [Fact]
    public async Task Nobody_answers_or_can_be_asked_and_it_lapses_in_a_transaction_sooner()
    {
        await using var agent = await Start(seconds: 60, inTransaction: 0.6);
        agent.IsCutOff = true;
        using var client = await agent.Connect();
        await client.Ask(Query("begin"));
        var took = Stopwatch.StartNew();
        await client.Send(Query("delete from h"));
        await Notice(client);
        var answer = await client.UntilReady();
        Assert.Equal("E42501 ZE", Story(answer));
        Assert.Equal("denied by `bulk`: nobody approved it within 0.6 s", Field(answer[0].Body, 'M'));
        Assert.InRange(took.Elapsed, TimeSpan.FromSeconds(0.6), TimeSpan.FromSeconds(10));
        Assert.Equal("lapsed", agent.NextEnded().Outcome);
        Assert.Empty(agent.Asked);
        Assert.Equal(10, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"outcome\":\"lapsed\"", "\"by\":\"time\""));
    }

    [Fact]
    public async Task A_cancel_takes_it_back_and_a_release_after_it_does_nothing()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        await client.Send(Query("delete from h"));
        await Notice(client);
        var held = agent.NextAsked();
        using (var side = await Dial(agent.Port))
        {
            byte[] cancel = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0];
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(cancel.AsSpan(8), client.Pid);
            System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(cancel.AsSpan(12), client.Secret);
            await side.Send(cancel);
            Assert.Equal("E57014 ZI", Story(await client.UntilReady()));
        }
        agent.Decide(held, "released");
        Assert.Equal((held.Hold, "abandoned"), (agent.NextEnded() is var end ? (end.Hold, end.Outcome) : default));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
        Assert.Equal(10, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"outcome\":\"abandoned\"", "\"by\":\"the client\""));
        FaultReport.Saw($"cancelled with 57014 and released afterwards: {10 - await Left(agent)} of 10 rows deleted, recorded as abandoned by the client, and the session went on");
    }

    [Theory]
    [InlineData("goodbye")]
    [InlineData("fin")]
    [InlineData("reset")]
    public async Task A_client_that_leaves_takes_it_along(string how)
    {
        await using var agent = await Start();
        var client = await agent.Connect();
        await client.Ask(Query("begin"));
        await client.Send(Query("delete from h"), Query("commit"));
        await Notice(client);
        var held = agent.NextAsked();
        switch (how)
        {
            case "goodbye":
                await client.Send(Terminate);
                break;
            case "fin":
                client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
                break;
            default:
                client.Socket.Close(0);
                break;
        }
        Assert.Equal((held.Hold, "abandoned"), (agent.NextEnded() is var end ? (end.Hold, end.Outcome) : default));
        agent.Decide(held, "released");
        await Until(() => agent.Live.Count == 0);
        client.Dispose();
        Assert.Equal(10, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"outcome\":\"abandoned\""));
        Assert.True(Says(agent, "\"kind\":\"result\"", "\"op\":2", "\"outcome\":\"refused\""));
    }

    [Fact]
    public async Task A_revocation_ends_what_waits_with_its_session()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        await client.Send(Query("delete from h"));
        await Notice(client);
        var held = agent.NextAsked();
        var took = Stopwatch.StartNew();
        agent.Revoke();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(1), $"{took.Elapsed}");
        agent.Decide(held, "released");
        Assert.Equal("abandoned", agent.NextEnded().Outcome);
        await Until(() => agent.Live.Count == 0);
        Assert.Equal(10, await Left(agent));
        Assert.True(Says(agent, "\"kind\":\"hold-ended\"", "\"outcome\":\"abandoned\"", "revoked"));
    }

    [Fact]
    public async Task What_the_policy_denies_by_now_does_not_run_although_it_was_released()
    {
        await using var agent = await Start();
        using var client = await agent.Connect();
        await client.Send(Query("delete from h"));
        await Notice(client);
        var held = agent.NextAsked();
        agent.Guard(Deletes(Effect.Deny));
        agent.Decide(held, "released");
        var answer = await client.UntilReady();
        Assert.Equal("E42501 ZI", Story(answer));
        Assert.Contains("denied by now by `bulk`", Field(answer[0].Body, 'M'), StringComparison.Ordinal);
        Assert.Equal("abandoned", agent.NextEnded().Outcome);
        Assert.Equal(10, await Left(agent));
    }

    [Fact]
    public async Task A_release_counts_for_one_operation_of_one_session_and_for_no_other()
    {
        await using var agent = await Start();
        using var one = await agent.Connect();
        using var two = await agent.Connect();
        await one.Send(Query("delete from h"));
        await Notice(one);
        var first = agent.NextAsked();
        await two.Send(Query("delete from h"));
        await Notice(two);
        var second = agent.NextAsked();
        Assert.NotEqual(first.Binding, second.Binding);
        // the decision about one, in the name of the other
        agent.Decide(second, "released", binding: first.Binding);
        Assert.Equal("E42501 ZI", Story(await two.UntilReady()));
        agent.Decide(first, "released");
        Assert.Equal("C[DELETE 10] ZI", Story(await one.UntilReady()));
        // the same text again is another operation
        await one.Send(Query("delete from h"));
        await Notice(one);
        agent.Decide(first, "released");
        var again = agent.NextAsked();
        Assert.NotEqual(first.Binding, again.Binding);
        agent.Decide(again, "refused");
        Assert.Equal("E42501 ZI", Story(await one.UntilReady()));
    }
}
