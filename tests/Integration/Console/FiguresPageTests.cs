using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Console.Pages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Integrations;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>What charts draw is what was counted, and is there in words and as a table for who does not look.</summary>
public sealed class FiguresPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_chart_tells_its_numbers()
    {
        await using var host = await ControlPlaneHost.Start(settings: ShownPage.Settings);
        await host.Publish(SharedControlPlane.Policy);
        var earlier = TimeProvider.System.GetUtcNow().AddHours(-2);
        earlier = earlier.AddTicks(-(earlier.Ticks % TimeSpan.TicksPerMicrosecond));
        await Session(host, earlier, TimeSpan.FromMilliseconds(7), Effect.Allow, Effect.Deny, Effect.Deny);
        await Session(host, earlier, TimeSpan.FromMilliseconds(8), Effect.Deny);
        var before = earlier.AddHours(-5);
        await Session(host, before, TimeSpan.FromSeconds(3));
        await Session(host, earlier.AddDays(-3), TimeSpan.FromMilliseconds(7), Effect.Deny); // not of this day
        await host.Hold("delete from orders");
        var request = await host.Ask("engineer", "orders-write");
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/requests/{request}/reviews", "dba", "dba", new { verdict = "approve" })).Status);

        var html = "";
        // where this machine is very busy a page is told to ask again
        await Receiver.Until(
            async () =>
            {
                await using var page = await ShownPage.To(host, typeof(FiguresPage), "auditor", "auditors");
                html = WebUtility.HtmlDecode(await page.Html());
                return html.Contains("<figure", StringComparison.Ordinal);
            },
            () => html);
        Tells(html, "Sessions", "3 opened, at most 2", ["1", "2"]);
        // each stands at its time: of a day a bar is 24 minutes
        var bars = Regex.Matches(Figure(html, "Sessions"), @"<td><local-time at=""([^""]+)""").Select(m => DateTimeOffset.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).ToList();
        Assert.All(bars.Zip([before, earlier]), bar => Assert.InRange(bar.Second - bar.First, TimeSpan.Zero, TimeSpan.FromMinutes(24)));
        Tells(html, "Denied", "3 statements, at most 3", ["3"]);
        Tells(html, "Held", "1 statement, at most 1", ["1"]);
        Tells(html, "Revocation to cut", "3 sessions ended by order, at most 2", ["up to 10 ms 2", "longer than a second 1"]);
        var took = Assert.Single(Rows(Figure(html, "Time to approve")));
        Tells(html, "Time to approve", $"median; 1 request that people approved, at most {took}", [took]);
        Assert.Matches(@"^(< 1 ms|\d+ (ms|s)|\d+ min( \d+ s)?)$", took);
    }

    /// <param name="rows">Of the table: where it is about time, without when; what is nothing has none.</param>
    private static void Tells(string html, string title, string told, string[] rows)
    {
        var figure = Figure(html, title);
        Assert.Contains($"role=\"img\" aria-label=\"{title}: {told}\"", figure, StringComparison.Ordinal);
        Assert.Equal(rows, Rows(figure));
        Assert.Equal(rows.Length, Regex.Count(figure, "<rect "));
    }

    private static string Figure(string html, string title) => Assert.Single(html.Split("<figure"), f => f.Contains($"<b>{title}</b>", StringComparison.Ordinal));

    private static List<string> Rows(string figure) => [.. Regex.Matches(figure, @"<tr>\s*<td>(.*?)</td>\s*<td class=""number"">(.*?)</td>\s*</tr>")
        .Select(r => r.Groups[1].Value.StartsWith("<local-time ", StringComparison.Ordinal) ? r.Groups[2].Value : $"{r.Groups[1].Value} {r.Groups[2].Value}")];

    /// <summary>A session with statements that were judged so, ended by an order.</summary>
    private static async Task Session(ControlPlaneHost host, DateTimeOffset at, TimeSpan cut, params Effect[] judged)
    {
        var (session, lines) = (Guid.CreateVersion7(), new StringBuilder());
        foreach (var (effect, number) in judged.Select((e, i) => (e, i + 1)))
        {
            lines.Append(JsonSerializer.Serialize(new TranscriptEntry(number, at, "statement", Op: number, Protocol: "simple", Text: string.Create(CultureInfo.InvariantCulture, $"select {number}"), Effect: effect, Policy: 1), Json.Options)).Append('\n');
        }
        var engineer = new Actor(host.Issuer.Address, "engineer", "engineer", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
        List<IEvent> events = [new SessionOpened(session, Guid.CreateVersion7(), "orders", "an-agent", engineer, "orders", "127.0.0.1:1", "psql", at, 1, 1, "orders-write")];
        if (judged.Length > 0)
        {
            events.Add(new TranscriptRecorded(session, "an-agent", 1, 1, judged.Length, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), true, lines.ToString(), ""));
        }
        events.Add(new SessionTerminated(at, "revoked", cut));
        await host.Services.GetRequiredService<EventLog>().Append(
            new Append([new StreamAppend(session, "session", 0, events)], new EventContext(Actor.System("agent an-agent"), Guid.CreateVersion7())), Cancel);
    }
}
