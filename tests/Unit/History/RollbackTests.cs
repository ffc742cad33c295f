using System.Security.Cryptography;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.History;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.History;

/// <summary>A log that was set back: who is believed about it, what is written down, and what must be done before it counts.</summary>
public sealed class RollbackTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Id = Guid.CreateVersion7(Now);
    private static readonly Guid Mark = Guid.CreateVersion7(Now);
    private static readonly Actor Admin = new("https://idp", "admin", "Ada Admin", ActorKind.Person, ["admins"], new Dictionary<string, string>(), []);
    private static readonly Specification<LogHistory> Log = new(LogHistory.Initial, LogHistory.Evolve);
    private readonly ECDsa controlPlane = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa agentKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        controlPlane.Dispose();
        agentKey.Dispose();
    }

    private Witness Told(long epoch, long position, Guid? mark, string agent = "a", ECDsa? by = null) =>
        new Directive(agent, epoch, position, position, DirectiveKinds.State, "{}", Now, "", mark).SignWith(by ?? controlPlane).Witness();

    private Regression Judge(Claim claim, LogThere log, long epoch = 2) => Regression.Of(epoch, log, claim, w => w.IsSignedBy(controlPlane));

    [Fact]
    public void An_agent_that_knows_what_the_log_holds_is_no_witness()
    {
        Assert.IsType<Regression.None>(Judge(new Claim("a", 0, 0, null), new LogThere(10, null)));
        Assert.IsType<Regression.None>(Judge(new Claim("a", 2, 10, Told(2, 10, Mark)), new LogThere(10, Mark)));
        Assert.IsType<Regression.None>(Judge(new Claim("a", 2, 10, Told(2, 10, Mark)), new LogThere(99, Mark)));
    }

    [Fact]
    public void What_the_control_plane_signed_and_its_log_does_not_hold_proves_that_it_was_set_back() =>
        Assert.Equal(new Regression.Proven(2, 150), Judge(new Claim("a", 2, 150, Told(2, 150, Mark)), new LogThere(120, null)));

    [Fact]
    public void A_log_that_has_grown_past_it_again_is_found_out_by_the_event_that_stands_there_now() =>
        Assert.Equal(new Regression.Proven(2, 150), Judge(new Claim("a", 2, 150, Told(2, 150, Mark)), new LogThere(900, Guid.CreateVersion7(Now))));

    [Fact]
    public void A_higher_epoch_than_the_logs_proves_it_whatever_the_position() =>
        Assert.Equal(new Regression.Proven(3, 7), Judge(new Claim("a", 3, 7, Told(3, 7, Mark)), new LogThere(900, Mark)));

    [Fact]
    public void What_was_acknowledged_to_be_lost_is_not_found_again() =>
        Assert.IsType<Regression.None>(Judge(new Claim("a", 1, 900, Told(1, 900, Mark)), new LogThere(120, null)));

    [Fact]
    public void An_agent_that_cannot_prove_its_claim_stops_nobody_but_itself()
    {
        var log = new LogThere(120, null);
        Assert.IsType<Regression.Unproven>(Judge(new Claim("a", 2, 150, null), log));
        Assert.IsType<Regression.Unproven>(Judge(new Claim("a", 9, 1, null), log));
        Assert.IsType<Regression.Unproven>(Judge(new Claim("a", 2, 150, Told(2, 150, Mark, by: agentKey)), log));
        Assert.IsType<Regression.Unproven>(Judge(new Claim("a", 2, 150, Told(2, 150, Mark) with { Position = 151 }), log));
        Assert.IsType<Regression.Unproven>(Judge(new Claim("a", 2, 150, Told(2, 150, Mark, agent: "b")), log));
    }

    private static readonly LogRollbackFound Found = new(Id, Now, "agent", "the agent a", 1, 120, 1, 150, 0, 0, []);

    private static Notice Seen(string source = "agent", string by = "the agent a", long? epoch = 1, long position = 150) =>
        new(new Sighting(source, by, epoch, position), Id, 120, null, Now);

    [Fact]
    public void It_is_written_down_once()
    {
        Log.Given().When(h => NoticeRollback.Decide(h, Seen())).Then(Found);
        Log.Given(Found).When(h => NoticeRollback.Decide(h, Seen(by: "the agent b", position: 160))).ThenNothing();
    }

    [Fact]
    public void What_the_directory_of_checkpoints_holds_beyond_the_log_is_told_with_it()
    {
        var lost = new LostEvidence(Guid.CreateVersion7(Now), Guid.CreateVersion7(Now), "orders", "a", 9, 4);
        var beyond = new CheckpointsBeyond(2, 44, 170, [lost]);
        Log.Given().When(h => NoticeRollback.Decide(h, Seen() with { Checkpoints = beyond })).Then(Found with { SeenEpoch = 2, Checkpoint = 44, Tip = 170, Lost = [lost] });
    }

    [Fact]
    public void After_it_was_acknowledged_the_old_epoch_is_no_news_and_a_second_restore_is()
    {
        var noted = new LogRollbackAcknowledged(Id, Now, Admin, "restored on purpose", 2, [], []);
        Log.Given(Found, noted).When(h => NoticeRollback.Decide(h, Seen())).ThenNothing();
        Assert.Null(Log.Given(Found, noted).State.Open);
        Log.Given(Found, noted).When(h => NoticeRollback.Decide(h, Seen(epoch: 2))).Then(typeof(LogRollbackFound));
        Log.Given(Found, noted).When(h => NoticeRollback.Decide(h, Seen(epoch: null))).Then(typeof(LogRollbackFound));
    }

    private static Acknowledgement Order(bool isAdmin = true) => new(Id, Admin, isAdmin, "restored on purpose", [], [], Now);

    [Fact]
    public void Only_an_admin_acknowledges_it_once_and_the_new_epoch_is_above_all_that_was_seen()
    {
        Log.Given(Found).When(h => AcknowledgeRollback.Decide(h, Order(isAdmin: false))).ThenRefused("admins-only");
        Log.Given().When(h => AcknowledgeRollback.Decide(h, Order())).ThenRefused("no-such-rollback");
        var noted = new LogRollbackAcknowledged(Id, Now, Admin, "restored on purpose", 2, [], []);
        Log.Given(Found).When(h => AcknowledgeRollback.Decide(h, Order())).Then(noted);
        Log.Given(Found, noted).When(h => AcknowledgeRollback.Decide(h, Order())).ThenRefused("rollback-acknowledged");
        Assert.Equal(2, Log.Given(Found, noted).State.Epoch);
        var further = new LogRollbackWitnessed(Id, "b", 7, 3, 1, false, [], [], []);
        Log.Given(Found, further).When(h => AcknowledgeRollback.Decide(h, Order())).Then(noted with { Epoch = 8 });
    }

    private static readonly LockOrder Lock = new(Guid.CreateVersion7(Now), new LockTarget(Resource: "orders"), "an incident", null);

    private static GrantLease Lease(string resource) => new(
        Guid.CreateVersion7(Now), Guid.CreateVersion7(Now), Admin, "read", resource, Scope.Any, Now.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1);

    private static AgentKnowledge Holding(params GrantLease[] active) => AgentKnowledge.Nothing with
    {
        Agents = AgentKnowledge.Nothing.Agents.Add("a", new AgentEnrolled("a", ["orders"], "", [])).Add("b", new AgentEnrolled("b", ["payroll"], "", [])),
        Active = AgentKnowledge.Nothing.Active.AddRange(active.Select(g => KeyValuePair.Create(g.Grant, g))),
    };

    [Fact]
    public void An_agent_that_is_further_says_what_the_log_would_undo()
    {
        var (ended, going, elsewhere, later) = (Lease("orders"), Lease("orders"), Lease("payroll"), Guid.CreateVersion7(Now));
        var word = new AgentKnows(Id, 1, 150, 4, [going.Grant, later], [Lock], null);
        var testimony = new Testimony("a", word, Holding(ended, going, elsewhere), new Regression.Proven(1, 150));
        var said = new LogRollbackWitnessed(Id, "a", 1, 150, 4, true, [ended.Grant], [later], [Lock]);
        Log.Given(Found).When(h => WitnessRollback.Decide(h, testimony)).Then(said);
        Log.Given(Found, said).When(h => WitnessRollback.Decide(h, testimony)).ThenNothing();
        Log.Given(Found).When(h => WitnessRollback.Decide(h, testimony with { Proof = new Regression.Unproven() })).ThenNothing();
        Log.Given(Found).When(h => WitnessRollback.Decide(h, testimony with { Word = word with { Rollback = Guid.Empty } })).ThenNothing();
    }

    [Fact]
    public void One_that_was_started_anew_says_how_far_it_was_and_is_heard_again_when_another_process_knows_more()
    {
        var grant = Lease("orders");
        var mute = new Testimony("a", new AgentKnows(Id, 1, 150, 0, null, null, null), Holding(grant), new Regression.Proven(1, 150));
        var said = new LogRollbackWitnessed(Id, "a", 1, 150, 0, false, [], [], []);
        Log.Given(Found).When(h => WitnessRollback.Decide(h, mute)).Then(said);
        Log.Given(Found, said).When(h => WitnessRollback.Decide(h, mute with { Word = mute.Word with { Grants = [], Locks = [] } }))
            .Then(said with { Told = true, Ended = [grant.Grant] });
    }

    [Fact]
    public void Ends_that_an_agent_knew_are_kept_and_so_are_those_that_nobody_could_tell_of()
    {
        var (ended, going, elsewhere) = (Lease("orders"), Lease("orders"), Lease("payroll"));
        var waiting = new GrantIssued(Guid.CreateVersion7(Now), Guid.CreateVersion7(Now), Admin, "read", "orders", Scope.Any, TimeSpan.FromHours(1), Now, 1, TokenLogin.WorkloadsOnly, 1);
        var known = Holding(ended, going, elsewhere);
        known = known with { Approved = known.Approved.Add(waiting.Grant, waiting) };
        var over = Lock with { Lock = Guid.CreateVersion7(Now), Until = Now };
        var state = Log.Given(Found, new LogRollbackWitnessed(Id, "a", 1, 150, 4, true, [ended.Grant], [], [Lock, over])).State;
        var plan = RollbackPlan.Of(state.Open!, known, Now);
        Assert.Equal([ended.Grant], plan.Known);
        Assert.Equal(new[] { elsewhere.Grant, waiting.Grant }.Order(), plan.Unknown);
        Assert.Equal([Lock], plan.Locks);
    }
}
