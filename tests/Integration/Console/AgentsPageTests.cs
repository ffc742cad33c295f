using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Console.Pages;
using AccessPlane.Tests.Integration.Agents;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>Who looks after agents sees how they are as it changes, and need not ask for the page again.</summary>
public sealed class AgentsPageTests : IAsyncLifetime
{
    private const string Sql = "CREATE SCHEMA accessplane_m_1;";
    private static readonly MaskingFinding Way = new("definer", "public.peek(integer)", "shop.customers.card", "REVOKE EXECUTE ON FUNCTION public.peek(integer) FROM PUBLIC", true);
    private ControlPlaneHost host = null!;
    private EnrolledAgent agent = null!;
    private ShownPage page = null!;

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start(settings: ShownPage.Settings);
        await host.Publish(SharedControlPlane.Policy.Replace("- { id: orders, kind: postgresql }", "- { id: orders, kind: postgresql, masking: server, freeze-after: 2s }", StringComparison.Ordinal));
        agent = await EnrolledAgent.Enrol(host, $"orders-{Guid.CreateVersion7():N}"[..30], "orders");
        page = await ShownPage.To(host, typeof(AgentsPage), "admin", "admins");
    }

    public async ValueTask DisposeAsync()
    {
        await page.DisposeAsync();
        await agent.DisposeAsync();
        await host.DisposeAsync();
    }

    [Fact]
    public async Task An_agent_that_falls_silent_is_shown_as_frozen_and_one_that_is_back_with_its_lease()
    {
        await page.Comes([agent.Id, "silent", "no lease"]); // it has asked for nothing yet
        await page.Comes(["enrolled", "lease holds", "without a word from us it freezes at"], meanwhile: agent.IsHeard);
        await page.Comes(["silent", "no lease", "frozen since"]);
        await page.Comes(["enrolled", "lease holds"], meanwhile: agent.IsHeard);
    }

    [Fact]
    public async Task A_way_around_the_masks_comes_with_how_to_close_it_and_goes_when_it_is_closed()
    {
        await Reports(MaskingStatus.Planned, "no admin has applied it yet", Way);
        await page.Comes(
        [
            "Masks of orders / orders", "1 way around them was found", "no admin has applied it yet", Way.Through, Way.What, Way.Close, "no session opens before",
            "infra/onboard-masking orders orders",
        ]);
        await Reports(MaskingStatus.Ready, null);
        var text = await page.Comes(["PostgreSQL enforces them", "no way around them was found"]);
        Assert.DoesNotContain(Way.Close, text, StringComparison.Ordinal);
    }

    private Task Reports(MaskingStatus status, string? reason, params MaskingFinding[] findings) =>
        agent.Send(ReportKinds.Masking, new MaskingState("orders", "orders", MaskingState.PlanOf(Sql), status, reason, Sql, findings));
}
