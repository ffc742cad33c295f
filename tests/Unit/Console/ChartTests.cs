using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Console.Parts;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

/// <summary>What a chart draws it says as well: to who looks, to who listens, and to who reads a table.</summary>
public sealed class ChartTests
{
    private static Task<string> Draw(Func<double, string>? axis, params (string Label, double Amount)[] values) => DrawBars(axis, [.. values.Select(v => new ChartBar(v.Amount, v.Label))]);

    private static async Task<string> DrawBars(Func<double, string>? axis, IReadOnlyList<ChartBar> values)
    {
        await using var services = new ServiceCollection().BuildServiceProvider();
        await using var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        var parameters = new Dictionary<string, object?> { ["Title"] = "Denied", ["Total"] = "in all", ["Tone"] = "bad", ["Values"] = values };
        if (axis is not null)
        {
            parameters["Axis"] = axis;
        }
        return WebUtility.HtmlDecode(await renderer.Dispatcher.InvokeAsync(
            async () => (await renderer.RenderComponentAsync<Chart>(ParameterView.FromDictionary(parameters))).ToHtmlString()));
    }

    private static List<string> Rows(string html) =>
        [.. Regex.Matches(html, @"<tr>\s*<td>([^<]*)</td>\s*<td class=""number"">([^<]*)</td>\s*</tr>").Select(r => $"{r.Groups[1].Value}: {r.Groups[2].Value}")];

    private static List<string> Bars(string html) =>
        [.. Regex.Matches(html, @"<rect class=""bad"" x=""([^""]*)"" width=""8"" y=""([^""]*)"" height=""([^""]*)"">").Select(b => $"at {b.Groups[1].Value}, {b.Groups[2].Value} down, {b.Groups[3].Value} high")];

    [Fact]
    public async Task What_is_drawn_is_told_in_one_sentence_bar_by_bar_and_as_a_table()
    {
        var html = await Draw(null, ("at nine", 0), ("at ten", 1), ("at eleven", 1_000), ("at noon", 250));
        Assert.Contains("role=\"img\" aria-label=\"Denied: in all, at most 1,000\"", html, StringComparison.Ordinal);
        Assert.Equal(["at ten: 1", "at eleven: 1,000", "at noon: 250"], Rows(html));
        // in the order of time, as high as they are, and never so low that nobody sees them
        Assert.Equal(["at 11, 98 down, 2 high", "at 21, 0 down, 100 high", "at 31, 75 down, 25 high"], Bars(html));
        Assert.Contains("<title>1,000 · at eleven</title>", html, StringComparison.Ordinal);
    }

    /// <summary>When that was, the browser says, by the reader's clock: what is drawn here carries the instant.</summary>
    [Fact]
    public async Task A_bar_of_a_time_carries_its_instant_and_so_does_its_row()
    {
        var at = new DateTimeOffset(2026, 3, 2, 9, 5, 0, TimeSpan.Zero);
        var html = await DrawBars(null, [new ChartBar(0, At: at.AddMinutes(-1)), new ChartBar(7, At: at)]);
        const string Instant = "2026-03-02T09:05:00.0000000+00:00";
        Assert.Contains($"data-told=\"7\" data-at=\"{Instant}\"><title></title></rect>", html, StringComparison.Ordinal);
        Assert.Contains($"<td><local-time at=\"{Instant}\" as=\"moment\"></local-time></td>", html, StringComparison.Ordinal);
        Assert.Equal(1, Regex.Count(html, "<rect "));
    }

    [Fact]
    public async Task A_value_is_written_in_its_unit_wherever_it_stands()
    {
        var html = await Draw(v => string.Create(CultureInfo.InvariantCulture, $"{v} s"), ("at ten", 90), ("at eleven", 45));
        Assert.Contains("at most 90 s\"", html, StringComparison.Ordinal);
        Assert.Contains("<span class=\"most\">90 s</span>", html, StringComparison.Ordinal);
        Assert.Contains("<title>45 s · at eleven</title>", html, StringComparison.Ordinal);
        Assert.Equal(["at ten: 90 s", "at eleven: 45 s"], Rows(html));
    }

    [Fact]
    public async Task Where_nothing_was_nothing_is_drawn()
    {
        foreach (var html in new[] { await Draw(null), await Draw(null, ("at nine", 0), ("at ten", 0)) })
        {
            Assert.Contains("Denied: in all, at most 0\"", html, StringComparison.Ordinal);
            Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
            Assert.Empty(Bars(html));
            Assert.Empty(Rows(html));
        }
    }
}
