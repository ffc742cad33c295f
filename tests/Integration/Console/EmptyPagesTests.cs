using AccessPlane.ControlPlane.Console.Pages;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>A control plane on its first day: whoever looks at it is told what comes here, and by what.</summary>
public sealed class EmptyPagesTests
{
    private const string Admin = "admins", Auditor = "auditors", Engineer = "engineering";

    private static readonly (Type Page, string Group, string[] Says)[] Empty =
    [
        (typeof(Mine), Engineer, ["You hold nothing now", "The policy offers you nothing to ask for. An admin can change that."]),
        (typeof(ToDecide), Engineer, ["Nothing waits for you", "appear here as they come: this page can stay open"]),
        (typeof(Live), Engineer, ["Nobody is connected", "Get a ticket at Mine and connect: your session appears here."]),
        (typeof(Live), Admin, ["Nobody is connected", "A session appears here the moment a client logs in at an agent.", "Nothing was run yet", "Statements appear here as agents record them.", "none in force"]),
        (typeof(SessionsPage), Auditor, ["There was no session yet", "Whoever connects through an agent leaves one here"]),
        (typeof(FiguresPage), Auditor, ["Nothing happened in that time", "A longer time shows more."]),
        (typeof(AccessPage), Auditor, ["Nobody could do anything then. Another instant, or any resource, may show more; who needs access asks for it at Mine."]),
        (typeof(AgentsPage), Admin, ["There is no agent yet", "An admin invites one with POST /v1/agents , and it is started beside its database"]),
        (typeof(PolicyPage), Admin, ["No policy is in force", "Edit a draft: what keeps it from being published is told as you write."]),
        (typeof(PolicyPage), Auditor, ["No policy is in force", "until an admin has published one"]),
        (typeof(EvidencePage), Auditor, ["everything that began in that time", "Download the pack", "To check it without this server"]),
    ];

    [Fact]
    public async Task A_page_with_nothing_on_it_says_what_to_do()
    {
        await using var host = await ControlPlaneHost.Start(settings: ShownPage.Settings);
        foreach (var (page, group, says) in Empty)
        {
            var (text, html) = ("", "");
            // where this machine is very busy a page is told to ask again
            await Integrations.Receiver.Until(
                async () =>
                {
                    await using var shown = await ShownPage.To(host, page, "somebody", group);
                    (text, html) = (await shown.Text(), await shown.Html());
                    return says.All(s => text.Contains(s, StringComparison.Ordinal)) && !html.Contains("role=\"alert\"", StringComparison.Ordinal); // what is not there is no trouble
                },
                () => $"{page.Name} does not say `{string.Join("`, `", says)}` to {group}: {text}");
        }
    }
}
