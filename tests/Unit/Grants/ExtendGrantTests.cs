using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Grants;

public sealed class ExtendGrantTests : GrantSpec
{
    private static Grant Active(Actor holder, string entitlement = "write", string duration = "20m")
    {
        var issued = Issued(holder, entitlement, duration);
        return Given(issued, Activated(issued)).State;
    }

    private static (Submission? Submission, Outcome? Refused) Wish(Grant grant, Actor by, string? duration, Circumstances? world = null) =>
        ExtendGrant.File(grant, new ExtensionWish(by, duration is null ? null : Durations.Parse(duration), "more", "OPS-2", world ?? World.Today.After("10m")));

    private static string? Refused(Grant grant, Actor by, string? duration, Circumstances? world = null) =>
        (Wish(grant, by, duration, world).Refused as Outcome.Refused)?.Refusal.Code;

    [Fact]
    public void An_extension_takes_the_same_approval_path()
    {
        var wish = Wish(Active(Engineer), Engineer, "5m").Submission!;
        var submitted = Assert.IsType<RequestSubmitted>(
            Assert.Single(((Outcome.Happened)SubmitRequest.Decide(AccessRequest.Initial, wish with { Request = Request })).Events));
        Assert.Equal(["dba"], Assert.Single(submitted.Steps).From.Groups);
        Assert.NotNull(submitted.Extends);
    }

    [Fact]
    public void Short_extensions_do_not_slip_below_the_step_that_the_whole_would_need()
    {
        // 20 and 20 minutes are 40: security has its say
        var wish = Wish(Active(Engineer), Engineer, "20m").Submission!;
        var submitted = (RequestSubmitted)((Outcome.Happened)SubmitRequest.Decide(AccessRequest.Initial, wish with { Request = Request })).Events[0];
        Assert.Equal(2, submitted.Steps.Count);
    }

    [Fact]
    public void Beyond_the_longest_total_nothing_is_filed()
    {
        var wish = Wish(Active(Engineer, duration: "2h"), Engineer, "2h").Submission!;
        Assert.IsType<Outcome.Happened>(SubmitRequest.Decide(AccessRequest.Initial, wish with { Request = Request }));
        var tooLong = Wish(Given(Issued(Engineer, "write", "2h"), Activated(Issued(Engineer, "write", "2h")), new GrantExtended(Request, World.Noon.AddHours(3))).State, Engineer, "2h");
        Assert.Equal("max-total", ((Outcome.Refused)SubmitRequest.Decide(AccessRequest.Initial, tooLong.Submission! with { Request = Request })).Refusal.Code);
    }

    [Fact]
    public void Without_a_duration_it_is_what_is_left_of_the_total()
    {
        var grant = Given(Issued(Engineer, "write", "2h"), Activated(Issued(Engineer, "write", "2h")), new GrantExtended(Request, World.Noon.AddHours(3))).State;
        Assert.Equal(TimeSpan.FromHours(1), Wish(grant, Engineer, null).Submission!.Duration);
    }

    [Fact]
    public void Only_the_holder_of_an_active_grant_extends_it()
    {
        Assert.Equal("no-such-grant", Refused(Active(Engineer), Engineer2, "5m"));
        Assert.Equal("no-such-grant", Refused(Active(Engineer), Assistant, "5m"));
        Assert.Equal("grant-not-active", Refused(Given(Issued(Engineer)).State, Engineer, "5m"));
        Assert.Equal("grant-ended", Refused(Given(Issued(Engineer), new GrantRevoked(Dba, "no")).State, Engineer, "5m"));
        Assert.Equal("grant-expired", Refused(Active(Engineer), Engineer, "5m", World.Today.After("20m")));
    }

    [Fact]
    public void Break_glass_access_is_not_extended()
    {
        var broken = Broken(OnCall);
        var wish = Wish(Given([.. broken, Activated((GrantIssued)broken[0])]).State, OnCall, "5m").Submission!;
        Assert.Equal("not-extendable", ((Outcome.Refused)SubmitRequest.Decide(AccessRequest.Initial, wish with { Request = Request })).Refusal.Code);
    }

    [Fact]
    public void Approval_moves_the_end_by_what_was_asked_and_the_grant_stays_active()
    {
        var issued = Issued(Engineer, "write", "20m");
        var extended = Given(issued, Activated(issued)).When(Apply(Request, "30m")).Then(new GrantExtended(Request, World.Noon.AddMinutes(50)));
        Assert.IsType<Grant.Active>(extended.After);
    }

    [Fact]
    public void An_extension_moves_the_end_once()
    {
        var issued = Issued(Engineer, "write", "20m");
        Given(issued, Activated(issued), new GrantExtended(Request, World.Noon.AddMinutes(50))).When(Apply(Request, "30m")).ThenNothing();
    }

    [Fact]
    public void The_end_never_moves_beyond_the_longest_total_of_today()
    {
        var issued = Issued(Engineer, "write", "20m");
        var shorter = World.Changed("max-total: 4h", "max-total: 2h").After("10m");
        Given(issued, Activated(issued)).When(Apply(Request, "2h", shorter)).Then(new GrantExtended(Request, World.Noon.AddHours(2)));
    }

    [Fact]
    public void What_ended_meanwhile_is_not_revived()
    {
        var issued = Issued(Engineer, "write", "20m");
        Given(issued, Activated(issued), new GrantRevoked(Dba, "no")).When(Apply(Request, "30m")).ThenNothing();
        Given(issued, Activated(issued)).When(Apply(Request, "30m", World.Today.After("20m"))).Then(typeof(GrantExpired));
    }

    private static Func<Grant, Outcome> Apply(Guid request, string duration, Circumstances? world = null) =>
        s => ExtendGrant.Decide(s, new ApprovedExtension(request, Durations.Parse(duration)!.Value, world ?? World.Today.After("10m")));
}
