using System.Diagnostics;
using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What the control plane would say and do, put in force directly.</summary>
internal sealed partial class WireAgent
{
    private static readonly Actor Holder = new("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []);

    /// <summary>It would leave this host: no secret may be in it.</summary>
    private void Reported(object body) => Secrets.Sweep.Hears($"the agent's {body.GetType().Name}", JsonSerializer.Serialize(body, body.GetType(), Json.Options));

    /// <summary>What an admin does: what was shown is ordered.</summary>
    private void Order(MaskingState masking)
    {
        Reported(masking);
        Masking.Enqueue(masking);
        if (masking.Status == MaskingStatus.Planned && !nobodyOrders)
        {
            Apply(new MaskingApply(masking.Resource, masking.Database, masking.Plan));
        }
    }

    /// <summary>What may be asked for here: the masks of its logins are made ready before anyone comes.</summary>
    private Entitlement Offered(WireOptions options) => new(
        "orders-test", "orders", Who.Nobody, new Scope([Database], options.Statements), TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromHours(1),
        new ReasonRule(false, null), new Approval(true, [], TimeSpan.FromHours(1)), 500, TokenLogin.WorkloadsOnly, null)
    {
        Login = options.Login,
    };

    /// <summary>Returns when the masks of the database stand as they are expected to.</summary>
    public async Task<MaskingState> UntilMasking(MaskingStatus status)
    {
        MaskingState? last = null;
        await Until(() =>
        {
            last = Masking.LastOrDefault();
            return Task.FromResult(last?.Status == status);
        });
        return last!;
    }

    /// <summary>Whether they come to stand so within a time.</summary>
    public async Task<bool> IsMasking(MaskingStatus status, TimeSpan within)
    {
        for (var patience = Stopwatch.StartNew(); Masking.LastOrDefault()?.Status != status; await Task.Delay(5))
        {
            if (patience.Elapsed > within)
            {
                return false;
            }
        }
        return true;
    }

    private void Tell(CatalogNames names)
    {
        Reported(names);
        Catalogs.Enqueue(names);
    }

    private void End(object body)
    {
        Reported(body);
        Ended.Add((HoldEnd)body);
    }

    private Task Ask(object body)
    {
        Reported(body);
        if (IsCutOff)
        {
            throw new IOException("nobody takes it");
        }
        Asked.Add((HeldOperation)body);
        return Task.CompletedTask;
    }

    /// <summary>The policy with these guardrails, from now on.</summary>
    public void Guard(params Guardrail[] guardrails) => Apply(new PublishedPolicy(
        InForce.Current.Policy.Version + 1, "", InForce.Current.Policy.Model with { Guardrails = guardrails }));

    /// <summary>The next operation that people are asked about.</summary>
    public HeldOperation NextAsked() => Asked.TryTake(out var held, TimeSpan.FromSeconds(20)) ? held : throw new TimeoutException("nobody was asked");

    /// <summary>The next hold of which the control plane was told that it has ended.</summary>
    public HoldEnd NextEnded() => Ended.TryTake(out var end, TimeSpan.FromSeconds(20)) ? end : throw new TimeoutException("nothing ended");

    public void Decide(HeldOperation held, string outcome, string? binding = null, string? comment = null) =>
        Desk.Decided(new HoldDecision(held.Hold, outcome, binding ?? held.Binding, "Dana", comment, held.ExpiresAt));

    public void Apply(object body)
    {
        if (body is PublishedPolicy policy)
        {
            policies[policy.Version] = policy;
        }
        // a test's thread, and that of an admin's order
        lock (policies)
        {
            InForce.Swap(InForce.Current.Apply(body) with { Position = InForce.Current.Position + 1 });
        }
    }

    /// <summary>Another policy is in force from here on.</summary>
    public void Publish(Func<PolicyModel, PolicyModel> change)
    {
        var before = InForce.Current.Policy;
        Apply(new PublishedPolicy(before.Version + 1, "", change(before.Model)));
    }

    public void Revoke(string message = "the grant was revoked by `dba`")
    {
        var at = TimeProvider.System.GetTimestamp();
        Apply(new GrantEnd(Grant.Grant, "revoked", message));
        Live.CutGrant(Grant.Grant, "revoked", message, at);
    }

    /// <summary>The control plane takes everything that was recorded so far.</summary>
    public List<Segment> Drain()
    {
        isDrained = true;
        var taken = new List<Segment>();
        foreach (var file in spool.Files)
        {
            file.Seal("wire", key);
            while (file.Oldest() is { } part)
            {
                var segment = file.Read(part, "wire");
                Assert.Null(segment.WhyInvalid(key));
                Secrets.Sweep.Hears("what the agent recorded", segment.Entries);
                spool.Accept(file.Session, part.Number);
                taken.Add(segment);
            }
        }
        LookAtSpool();
        return taken;
    }

    /// <summary>The control plane is not heard of any more.</summary>
    public void LoseTouch() => lease.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    /// <summary>It is heard of again.</summary>
    public void FindTouch() => lease.Change(TimeSpan.Zero, BetweenRenewals(Terms));

    public bool IsFrozen => !InForce.LeaseHeld(Terms);

    private ResourceTerms Terms => InForce.Current.Policy.Model.Resource("orders")!;

    private static TimeSpan BetweenRenewals(ResourceTerms terms) => terms.FreezeAfter / 12;

    private GrantLease Allow(WireOptions options)
    {
        var holder = options.Issuer is null ? Holder : Holder with { Issuer = options.Issuer.Address };
        var grant = new GrantLease(
            Guid.CreateVersion7(), Guid.CreateVersion7(), holder, "orders-test", "orders", new Scope([], options.Statements), Now.AddHours(1), 500,
            options.Issuer is null ? TokenLogin.WorkloadsOnly : new TokenLogin([ActorKind.Person], Once: false), 1, options.Login);
        Apply(grant);
        return grant;
    }

    private void Renew()
    {
        var now = TimeProvider.System.GetTimestamp();
        InForce.Time.Sample(now, now, Now);
        InForce.RenewLease(now);
    }
}
