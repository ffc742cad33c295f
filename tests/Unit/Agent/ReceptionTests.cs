using System.Security.Cryptography;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class ReceptionTests : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Remembered Known = new(2, 100);
    private readonly ECDsa controlPlane = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        controlPlane.Dispose();
        stranger.Dispose();
    }

    private Directive Signed(string kind, long position, long previous, long epoch = 2, string agent = "a") =>
        new Directive(agent, epoch, position, previous, kind, "{}", At, "").SignWith(controlPlane);

    private Reception Of(Directive directive, bool caughtUp = true) => Reception.Of(directive, "a", d => d.IsSignedBy(controlPlane), Known, caughtUp);

    [Fact]
    public void The_next_order_in_line_is_applied() => Assert.IsType<Reception.Apply>(Of(Signed(DirectiveKinds.Grant, 120, 100)));

    [Fact]
    public void An_order_whose_predecessor_is_covered_by_the_state_is_applied() => Assert.IsType<Reception.Apply>(Of(Signed(DirectiveKinds.Grant, 120, 95)));

    [Fact]
    public void A_repeated_or_replayed_order_is_ignored()
    {
        Assert.IsType<Reception.Ignore>(Of(Signed(DirectiveKinds.Grant, 100, 95)));
        Assert.IsType<Reception.Ignore>(Of(Signed(DirectiveKinds.Grant, 7, 3)));
    }

    [Fact]
    public void An_order_whose_predecessor_is_missing_is_a_gap() => Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Grant, 120, 110)));

    [Fact]
    public void Before_the_first_state_every_order_is_a_gap() => Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Grant, 120, 100), caughtUp: false));

    [Fact]
    public void A_forged_order_is_refused()
    {
        var genuine = Signed(DirectiveKinds.Grant, 120, 100);
        Assert.All(
            new[]
            {
                genuine with { Body = "{\"grant\":1}" },
                genuine with { Position = 121 },
                genuine with { Previous = 99 },
                genuine with { Epoch = 3 },
                genuine with { Kind = DirectiveKinds.Lock },
                genuine with { At = At.AddSeconds(1) },
                genuine with { Mark = Guid.CreateVersion7(At) },
                genuine with { Signature = "" },
                genuine with { Signature = "AAAA" },
                genuine.SignWith(stranger),
            },
            forged => Assert.IsType<Reception.Refuse>(Of(forged)));
    }

    [Fact]
    public void An_order_for_another_agent_is_refused() => Assert.IsType<Reception.Refuse>(Of(Signed(DirectiveKinds.Grant, 120, 100, agent: "b")));

    [Theory]
    [InlineData(DirectiveKinds.Grant)]
    [InlineData(DirectiveKinds.State)]
    [InlineData(DirectiveKinds.Lease)]
    [InlineData(DirectiveKinds.SegmentAccepted)]
    public void A_lower_epoch_is_refused_whatever_it_says(string kind) => Assert.IsType<Reception.Refuse>(Of(Signed(kind, 500, 499, epoch: 1)));

    [Fact]
    public void A_higher_epoch_is_taken_up_by_its_state_alone()
    {
        Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Grant, 120, 100, epoch: 3)));
        Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Lease, 20, 20, epoch: 3)));
        Assert.IsType<Reception.Replace>(Of(Signed(DirectiveKinds.State, 20, 20, epoch: 3)));
    }

    [Fact]
    public void A_state_from_before_what_was_seen_is_refused()
    {
        Assert.IsType<Reception.Refuse>(Of(Signed(DirectiveKinds.State, 99, 99), caughtUp: false));
        Assert.IsType<Reception.Replace>(Of(Signed(DirectiveKinds.State, 100, 100), caughtUp: false));
    }

    [Fact]
    public void A_lease_counts_only_where_agent_and_control_plane_are_equally_far()
    {
        Assert.IsType<Reception.Answer>(Of(Signed(DirectiveKinds.Lease, 100, 100)));
        Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Lease, 101, 101)));
        Assert.IsType<Reception.Behind>(Of(Signed(DirectiveKinds.Lease, 99, 99)));
        Assert.IsType<Reception.Gap>(Of(Signed(DirectiveKinds.Lease, 100, 100), caughtUp: false));
    }

    [Fact]
    public void That_there_is_no_lease_is_heard_in_whatever_history_but_only_from_the_control_plane()
    {
        Assert.IsType<Reception.Answer>(Of(Signed(DirectiveKinds.LeaseRefused, 0, 0, epoch: 0)));
        Assert.IsType<Reception.Answer>(Of(Signed(DirectiveKinds.LeaseRefused, 0, 0, epoch: 9)));
        Assert.IsType<Reception.Refuse>(Of(Signed(DirectiveKinds.LeaseRefused, 0, 0, epoch: 0).SignWith(stranger)));
    }

    [Fact]
    public void An_order_of_an_unknown_kind_halts() => Assert.IsType<Reception.Halt>(Of(Signed("shut-the-water-off", 120, 100)));

    /// <summary>Control planes are upgraded before agents: what a newer one adds to a known kind is no reason to stop.</summary>
    [Theory]
    [InlineData(DirectiveKinds.Lease, """{"nonce":"01a223c5-b3e2-73b8-be9d-c9234d000000","fromTheFuture":{"a":[1]}}""")]
    [InlineData(DirectiveKinds.GrantEnded, """{"grant":"01a223c5-b3e2-73b8-be9d-c9234d000000","cause":"revoked","why":"x","fromTheFuture":true}""")]
    [InlineData(DirectiveKinds.Terminate, """{"session":"01a223c5-b3e2-73b8-be9d-c9234d000000","why":"x","fromTheFuture":null}""")]
    public void An_order_with_a_member_that_this_version_does_not_know_is_read_without_it(string kind, string body)
    {
        var read = Bodies.Read(new Directive("a", 1, 1, 0, kind, body, default, ""));
        Assert.IsType(Bodies.TypeOf(kind)!, read);
        Assert.Contains("01a223c5-b3e2-73b8-be9d-c9234d000000", read.ToString()!, StringComparison.Ordinal);
        FaultReport.Saw($"`{kind}` with 1 member of a newer version: read, 1 member left out");
    }
}
