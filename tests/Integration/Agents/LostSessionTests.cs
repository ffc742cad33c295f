using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What a restart says of operations whose agent died: as much as anyone knows, and no more.</summary>
public sealed class LostSessionTests : IDisposable
{
    private static readonly Ruling Denied = SpoolTests.Allowed with { Effect = Effect.Deny };
    private static readonly Ruling Held = SpoolTests.Allowed with { Effect = Effect.Hold };
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    private Spool Open() => new(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);

    private static SessionRecorder Begin(Spool spool, out Guid session)
    {
        var id = session = Guid.CreateVersion7();
        return spool.Begin(id, number => SpoolTests.Start(id, number), Evidence.Buffered, _ => { });
    }

    private static long Say(SessionRecorder recorder, string text, Ruling? ruling = null) =>
        recorder.Statement("simple", Encoding.UTF8.GetBytes(text), default, SpoolTests.Select, ruling ?? SpoolTests.Allowed);

    private static void Done(SessionRecorder recorder, long op) =>
        recorder.Result(op, new OperationResult("completed", (byte)'I', 10, 1, 12, "SELECT 1"u8, default, default));

    private (long, string?)[] OutcomesAfterRestart(Guid session)
    {
        using var next = Open();
        ControlPlaneKey.Recover(next);
        return [.. SpoolTests.Drained(next, key)[session].Where(e => e.Kind == "result").Select(e => (e.Op!.Value, e.Outcome))];
    }

    [Fact]
    public void What_the_resource_may_have_done_is_indeterminate_what_never_reached_it_is_not_and_what_is_known_stays()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Done(recorder, Say(recorder, "select 'answered'"));
            Say(recorder, "select 'forwarded'");
            Say(recorder, "drop table refused", Denied);
            var hold = Guid.CreateVersion7();
            recorder.Held(Say(recorder, "delete from waiting", Held), hold, DateTimeOffset.UnixEpoch);
            var released = Say(recorder, "delete from released", Held);
            recorder.Held(released, hold, DateTimeOffset.UnixEpoch);
            recorder.HoldEnded(released, hold, "released", "dba", "", mustBeKept: true);
            first.Tick();
        }
        Assert.Equal([(1, "completed"), (2, "indeterminate"), (3, "refused"), (4, "refused"), (5, "indeterminate")], OutcomesAfterRestart(session));
    }

    [Fact]
    public void An_operation_whose_statement_the_control_plane_holds_already_is_not_forgotten()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Say(recorder, "select 'still running'");
            var answered = Say(recorder, "select 'answered later'");
            first.Tick();
            first.Files.Single().Seal("a", key);
            first.Accept(session, 1);
            Done(recorder, answered);
            first.Tick();
        }
        Assert.Equal([(2, "completed"), (1, "indeterminate")], OutcomesAfterRestart(session));
    }

    [Fact]
    public void A_session_that_ended_in_good_order_is_left_as_it_is()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Say(recorder, "select 'cut before its answer'");
            recorder.End("revoked", null, null);
        }
        Assert.Empty(OutcomesAfterRestart(session));
    }
}
