using System.Text;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Projections;
using Xunit;

namespace AccessPlane.Tests.Unit.Projections;

public sealed class ReadModelTests
{
    private static readonly Guid Request = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Guid Grant = new("0199aaaa-0000-7000-8000-000000000002");
    private static readonly Guid Session = new("0199aaaa-0000-7000-8000-000000000003");
    private static readonly Guid First = new("0199aaaa-0000-7000-8000-000000000011");
    private static readonly Guid Second = new("0199aaaa-0000-7000-8000-000000000012");

    private static DateTimeOffset Minute(double n) => ReadModel<RequestRow>.Minute(n);
    private static Actor Person(string name) => ReadModel<RequestRow>.Person(name);
    private static ApprovalStep Step(string group) => new(Who.Nobody with { Groups = [group] }, 1);

    private static RequestSubmitted Asked(params ApprovalStep[] steps) => new(
        Request, Person("engineer"), "orders-write", "orders", TimeSpan.FromMinutes(20), "a reason", null, steps, Minute(60), 3);

    private static GrantIssued Issued() => new(
        Grant, Request, Person("engineer"), "orders-write", "orders", Scope.Any, TimeSpan.FromMinutes(20), Minute(30), 10, TokenLogin.WorkloadsOnly, 3);

    private static GrantActivated Activated(double notAfter) => new(Minute(1), Minute(notAfter), Scope.Any, 10, TokenLogin.WorkloadsOnly, 3);

    [Fact]
    public void A_hold_shows_its_text_spelled_out_its_reviews_and_how_it_ended()
    {
        var hold = new Guid("0199aaaa-0000-7000-8000-000000000021");
        var operation = (HeldOperation)Sample.Of(typeof(HeldOperation)) with { Text = "delete\u200b" };
        var model = new ReadModel<HoldRow>(new HeldOperations()).Given(
            hold, 0, new OperationHeld(hold, "a", Person("engineer"), "orders-write", operation, Who.Nobody with { Groups = ["dba"] }, 1, Minute(1)));
        Assert.Equal(("Waiting", "delete⟨U+200B⟩"), (model.Only.State, model.Only.Text));
        Assert.Equal(("Waiting", "Lapsed"), (model.Only.At(Minute(0.9)).State, model.Only.At(Minute(1)).State));
        model.Given(hold, 0.5, new HoldReviewGiven(First, Person("dba"), ReviewVerdict.Approve, "fine"), new HoldReleased([Person("dba").Key], "dba"));
        Assert.Equal(("Released", "dba", "fine", 3L), (model.Only.State, model.Only.EndedBy, model.Only.Reviews.Single().Comment, model.Only.Version));
        Assert.Equal("Released", model.Only.At(Minute(9)).State);
        model.Given(hold, 0.6, new HoldAbandoned("too late"));
        Assert.Equal(("Abandoned", "too late"), (model.Only.State, model.Only.Cause));
    }

    [Fact]
    public void A_hold_spells_out_deceptive_names_wherever_they_stand()
    {
        const string name = "public.or\u202eders";
        const string shown = "public.or⟨U+202E⟩ders";
        var hold = new Guid("0199aaaa-0000-7000-8000-000000000022");
        var operation = (HeldOperation)Sample.Of(typeof(HeldOperation)) with
        {
            Facts = new StatementFacts(["execute", "delete"], 1)
            {
                Relations = [new RelationUse(name, RelationAccess.Write)],
                Columns = [new ColumnUse($"{name}.a", ColumnPlace.Predicate)],
                Functions = [name],
                Opaque = $"`{name}` has a trigger",
            },
            Reasons = [new Reason("bulk", Effect.Hold, $"writes `{name}`")],
            Role = name,
            Runs = [new HeldRun("p\u200b", $"prepare p\u200b as delete from {name}")],
        };
        var held = new OperationHeld(hold, "a", Person("engineer"), "orders-write", operation, Who.Nobody with { Groups = ["dba"] }, 1, Minute(1));
        var row = new ReadModel<HoldRow>(new HeldOperations()).Given(hold, 0, held).Only;
        Assert.Equal((shown, $"{shown}.a", shown, $"`{shown}` has a trigger"), (
            row.Facts.Relations.Single().Name, row.Facts.Columns.Single().Column, row.Facts.Functions.Single(), row.Facts.Opaque));
        Assert.Equal(($"writes `{shown}`", shown), (row.Reasons.Single().Text, row.Role));
        Assert.Equal(new HeldRun("p⟨U+200B⟩", $"prepare p⟨U+200B⟩ as delete from {shown}"), row.Runs.Single());
        Assert.DoesNotContain('\u202e', System.Text.Json.JsonSerializer.Serialize(row, AccessPlane.Contracts.Json.Options).Replace("\\u202e", "\u202e", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public void A_review_moves_a_request_to_its_next_step_and_changes_its_terms()
    {
        var row = new ReadModel<RequestRow>(new Requests())
            .Given(Request, 0, Asked(Step("dba"), Step("security")))
            .Given(Request, 1, new ReviewGiven(First, Person("dba"), ReviewVerdict.Approve, 0, "fine"))
            .Only;
        Assert.Equal(("Submitted", 1, 2, 2L), (row.State, row.Step, row.Terms, row.Version));
        Assert.Equal("fine", row.Steps[0].Reviews.Single().Comment);
    }

    [Fact]
    public void A_vote_that_lapses_stays_visible_and_opens_its_step_again()
    {
        var row = new ReadModel<RequestRow>(new Requests())
            .Given(Request, 0, Asked(Step("dba"), Step("security")))
            .Given(Request, 1, new ReviewGiven(First, Person("dba"), ReviewVerdict.Approve, 0, null))
            .Given(Request, 2, new ReviewLapsed(First, Person("dba").Key, 0, "left the group"), new ReviewGiven(Second, Person("security"), ReviewVerdict.Approve, 1, null))
            .Only;
        Assert.Equal(0, row.Step);
        Assert.Equal((true, "left the group"), (row.Steps[0].Reviews[0].Lapsed, row.Steps[0].Reviews[0].Why));
    }

    [Fact]
    public void A_request_whose_time_is_over_shows_as_expired_before_any_timer_said_so()
    {
        var row = new ReadModel<RequestRow>(new Requests()).Given(Request, 0, Asked(Step("dba"))).Only;
        Assert.Equal("Submitted", row.At(Minute(59.9)).State);
        Assert.Equal("Expired", row.At(Minute(60)).State);
    }

    [Fact]
    public void Closed_requests_wait_for_nobody()
    {
        var pending = new ReadModel<RequestRow>(new PendingApprovals()).Given(Request, 0, Asked(Step("dba")));
        Assert.Single(pending.Rows);
        Assert.Empty(pending.Given(Request, 1, new RequestDenied(Person("dba"), "no")).Rows);
    }

    [Fact]
    public void An_active_grant_shows_as_expired_from_its_absolute_end_on()
    {
        var row = new ReadModel<GrantRow>(new GrantsByHolder()).Given(Grant, 0, Issued()).Given(Grant, 1, Activated(21)).Only;
        Assert.Equal("Active", row.At(Minute(20.9)).State);
        Assert.Equal("Expired", row.At(Minute(21)).State);
    }

    [Fact]
    public void A_revoked_grant_names_who_ended_it_and_the_agents_where_that_is_in_force()
    {
        var row = new ReadModel<GrantRow>(new GrantsByHolder())
            .Given(Grant, 0, Issued()).Given(Grant, 1, Activated(21))
            .Given(Grant, 5, new GrantRevoked(Person("dba"), "incident"))
            .Given(Grant, 5, new RevocationAcknowledged("orders-agent", 2, TimeSpan.FromMilliseconds(12)))
            .Only;
        Assert.Equal(("Revoked", "dba", "incident"), (row.State, row.EndedBy!.Name, row.Cause));
        Assert.Equal(2, row.Acknowledged.Single().Sessions);
    }

    [Fact]
    public void Access_at_an_instant_follows_activation_extension_and_revocation()
    {
        var row = new ReadModel<AccessRow>(new AccessAsOf())
            .Given(Grant, 0, Issued()).Given(Grant, 1, Activated(21))
            .Given(Grant, 20, new GrantExtended(Request, Minute(40)))
            .Given(Grant, 30, new GrantRevoked(Person("dba"), "incident"))
            .Only;
        Assert.Null(row.At(Minute(0.5)));
        Assert.Equal(Minute(21), row.At(Minute(10))!.NotAfter);
        Assert.Equal(Minute(40), row.At(Minute(25))!.NotAfter);
        Assert.Null(row.At(Minute(30)));
    }

    private static TranscriptRecorded Recorded(params string[] lines) => new(
        Session, "orders-agent", 1, 1, lines.Length, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(Session)), false,
        new StringBuilder().AppendJoin('\n', lines).Append('\n').ToString(), "");

    private static readonly string[] Lines =
    [
        """{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":1,"protocol":"simple","text":"SELECT 1","statements":["select"],"effect":"allow","policy":3}""",
        """{"seq":2,"at":"2026-01-31T12:00:00.001000Z","kind":"result","op":1,"outcome":"completed","status":"I","duration":900,"rows":1,"bytes":11,"tag":"SELECT 1"}""",
        """{"seq":3,"at":"2026-01-31T12:00:00.002000Z","kind":"statement","op":2,"protocol":"extended","text":"DELETE FROM t","params":["x",null],"statements":["delete"],"effect":"deny","reasons":[{"rule":"orders-read","effect":"deny","text":"outside"}],"policy":3}""",
    ];

    private static SessionOpened Opened() => new(Session, Grant, "orders", "orders-agent", Person("engineer"), "orders", "127.0.0.1:5", "psql", Minute(0), 1, 3);

    [Fact]
    public void A_session_says_which_login_it_had_at_the_database_and_which_masks_it_met_there()
    {
        var login = new SessionLogin("accessplane_s_1", "accessplane_m_1", ["cards"], ["names"]);
        var shown = new ReadModel<SessionRow>(new Sessions()).Given(Session, 0, Opened() with { DatabaseLogin = login }).Only.DatabaseLogin!;
        Assert.Equal(("accessplane_s_1", "accessplane_m_1", "cards", "names"), (shown.Role, shown.Schema, Assert.Single(shown.MaskedBy), Assert.Single(shown.Unmasked)));
        Assert.Null(new ReadModel<SessionRow>(new Sessions()).Given(Session, 0, Opened()).Only.DatabaseLogin);
    }

    [Fact]
    public void A_statement_and_its_result_become_one_operation()
    {
        const string seen = """{"seq":2,"at":"2026-01-31T12:00:00.000500Z","kind":"rows","op":1,"columns":[{"name":"n","type":23}],"values":[["1"]],"rowsOmitted":4,"bytesOmitted":28}""";
        var rows = new ReadModel<OperationRow>(new Operations()).Given(Session, 0, Recorded([Lines[0], seen, .. Lines[1..]])).Rows;
        Assert.Equal(2, rows.Count);
        Assert.Equal(("SELECT 1", Effect.Allow, "completed", 1L), (rows[0].Text, rows[0].Verdict, rows[0].Outcome, rows[0].Rows));
        Assert.Equal((Effect.Deny, null, "orders-read"), (rows[1].Verdict, rows[1].Outcome, rows[1].Reasons!.Single().Rule));
    }

    [Fact]
    public void What_rulings_were_based_on_is_kept_by_its_name_and_under_no_other()
    {
        const string facts = """{"kinds":["select"],"statements":1,"relations":[{"name":"hr.salaries","access":"read"}]}""";
        var name = RulingBasis.HashOf(System.Text.Encoding.UTF8.GetBytes(facts));
        string Line(string hash) => $$"""{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"facts","factsHash":"{{hash}}","facts":{{facts}}}""";
        var bases = new ReadModel<RulingBasisRow>(new RulingBases());
        Assert.Empty(bases.Given(Session, 0, Recorded([Line(new string('0', 32))])).Rows);
        var row = bases.Given(Session, 1, Recorded([Line(name)]), Recorded([Line(name)])).Only;
        Assert.Equal((name, "hr.salaries"), (row.Hash, row.StatementFacts()!.Relations.Single().Name));

        var operation = new ReadModel<OperationRow>(new Operations()).Given(
            Session, 0,
            Recorded(["""{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":1,"protocol":"simple","text":"SELECT 1","statements":["select"],"factsHash":"f","scopeHash":"s","inTransaction":true,"effect":"allow","policy":3}"""])).Only;
        Assert.Equal(("f", "s", true), (operation.FactsHash, operation.ScopeHash, operation.InTransaction));
    }

    [Fact]
    public void A_session_adds_up_its_operations_and_says_how_it_ended()
    {
        var row = new ReadModel<SessionRow>(new AccessPlane.Projections.Sessions())
            .Given(Session, 0, Opened(), Recorded(Lines))
            .Given(Session, 2, new SessionTerminated(Minute(2), "revoked", TimeSpan.FromMilliseconds(7)))
            .Only;
        Assert.Equal((2L, 1L, 1L, 3L), (row.Operations, row.Denied, row.Rows, row.Entries));
        Assert.Equal(("Terminated", "revoked", TimeSpan.FromMilliseconds(7)), (row.State, row.Cause, row.CutLatency));
    }

    [Fact]
    public void Missing_evidence_stays_on_its_session_for_everyone_to_see()
    {
        var row = new ReadModel<SessionRow>(new AccessPlane.Projections.Sessions())
            .Given(Session, 0, Opened(), new EvidenceGapFound("orders-agent", "chain", "segment 2 does not follow"))
            .Only;
        Assert.Equal("chain: segment 2 does not follow", row.Gaps.Single());
    }
}
