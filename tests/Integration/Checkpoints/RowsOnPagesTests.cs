using System.Text.Json;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Console.Pages;
using AccessPlane.Tests.Integration.Console;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>Rows that were recorded: on the pages of those who answer for them, and proven like all of a transcript.</summary>
public sealed class RowsOnPagesTests(EvidenceWorld world) : IClassFixture<EvidenceWorld>
{
    private const string Hostile = "<b>Eve</b>\u202e";

    private async Task<Guid> Recorded()
    {
        var grant = (await world.Host.Get($"/v1/requests/{world.Request}")).GetProperty("grantId").GetGuid();
        JsonElement[][] rows = [.. Enumerable.Range(1, 12).Select(i => (JsonElement[])[JsonSerializer.SerializeToElement($"{i}"), JsonSerializer.SerializeToElement(i == 1 ? Hostile : null)])];
        return await world.Record(Guid.CreateVersion7(), grant, 4, [],
        [
            [
                new(0, default, "statement", Op: 1, Protocol: "simple", Text: "select id, name from people", Statements: ["select"], Effect: Effect.Allow, Policy: 1),
                new(0, default, "rows", Op: 1, Columns: [new("id", 23), new("na<i>me", 25)], Values: rows),
                new(0, default, "rows", Op: 1, RowsOmitted: 3, BytesOmitted: 40),
                new(0, default, "result", Op: 1, Outcome: "completed", Status: "I", Rows: 15, Tag: "SELECT 15"),
            ],
        ]);
    }

    [Fact]
    public async Task They_are_shown_to_people_as_text_and_proven_without_this_server()
    {
        var session = await Recorded();
        await using (var page = await ShownPage.To(world.Host, typeof(SessionPage), "auditor", "auditors", ("Id", session)))
        {
            await page.Comes(["na<i>me", "<b>Eve</b>⟨U+202E⟩", "null", "all 12 rows", "3 rows more (40 bytes) were not kept", "15 rows"]);
            Assert.DoesNotContain("<b>Eve", await page.Html(), StringComparison.Ordinal);
        }
        var html = await EvidenceWorld.Export(world.Host, $"session={session}", "text/html");
        Assert.Contains("&lt;b&gt;Eve&lt;/b&gt;", html, StringComparison.Ordinal);
        Assert.Contains("12 rows as they were sent</td>", html, StringComparison.Ordinal);
        Assert.Contains("3 rows (40 bytes) were not kept", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        var pack = await world.Export($"session={session}");
        Assert.Contains("rowsOmitted", pack, StringComparison.Ordinal);
        var verified = await EvidenceWorld.Verify(pack);
        Assert.True(verified.Status == 0, verified.Error);

        // what a statement returned is counted once
        var row = await world.Host.Get($"/v1/sessions/{session:D}");
        Assert.Equal((1, 15), (row.GetProperty("operations").GetInt32(), row.GetProperty("rows").GetInt32()));
    }
}
