using System.Collections.Concurrent;
using System.Globalization;
using AccessPlane.Tests.EndToEnd.Console;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

[assembly: AssemblyFixture(typeof(Browser))]

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Debian's chromium, driven by Playwright. Started by the first test that needs it.</summary>
public sealed class Browser : IAsyncLifetime
{
    private readonly DateTime begun = TimeProvider.System.GetUtcNow().UtcDateTime;
    private IPlaywright? playwright;
    private IBrowser? chromium;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Somebody before a browser of their own, signed in.</summary>
    internal async Task<Seat> SignIn(TestWorld world, string who, string page = "mine")
    {
        playwright ??= await Playwright.CreateAsync();
        Assertions.SetDefaultExpectTimeout(Seat.Patience);
        chromium ??= await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = Environment.UserName == "root" ? ["--no-sandbox"] : [], // as root it has none
        });
        var context = await chromium.NewContextAsync(new()
        {
            ViewportSize = new() { Width = 1280, Height = 860 },
            TimezoneId = Seat.Zone.Id,
            Locale = "en-GB",
            ColorScheme = ColorScheme.Light,
            Permissions = ["clipboard-read", "clipboard-write"],
        });
        var seat = new Seat(context, await context.NewPageAsync(), world.Url, world.Issuer);
        await seat.Page.GotoAsync($"{world.Url}/console/{page}");
        await seat.Page.Locator($"button[value='{who}']").ClickAsync();
        await seat.Sees("h1");
        return seat;
    }

    /// <summary>Where every page is kept as it looked.</summary>
    internal static string Shots => $"{TestWorld.Root}/artifacts/screenshots";

    /// <summary>By which each page is kept: light, dark and narrow.</summary>
    private static readonly string[] Pages =
    [
        "mine-asking", "mine-ticket", "mine-empty", "to-decide-request", "to-decide-hold", "to-decide-glass", "live", "sessions", "sessions-search", "session-replay",
        "access-as-of", "figures", "policy", "policy-problems", "policy-what-if", "agents", "evidence", "signed-out",
    ];

    public async ValueTask DisposeAsync()
    {
        await (chromium?.DisposeAsync() ?? ValueTask.CompletedTask);
        playwright?.Dispose();
        if (TestWorld.IsWhole)
        {
            Assert.All(Pages.SelectMany(p => (string[])[p, $"{p}-dark", $"{p}-narrow"]), shot =>
                Assert.True(File.Exists($"{Shots}/{shot}.png") && File.GetLastWriteTimeUtc($"{Shots}/{shot}.png") >= begun, $"this run has kept no `{shot}`"));
        }
    }
}

/// <summary>One person's browser.</summary>
internal sealed class Seat : IAsyncDisposable
{
    internal const float Patience = 20_000;

    /// <summary>Where everybody sits: never at UTC.</summary>
    internal static readonly TimeZoneInfo Zone = TimeZoneInfo.FindSystemTimeZoneById("Europe/Vienna");
    private readonly IBrowserContext context;
    private readonly string url;
    private readonly ConcurrentQueue<string> complaints = [];

    public Seat(IBrowserContext context, IPage page, string url, string issuer)
    {
        (this.context, Page, this.url) = (context, page, url);
        context.SetDefaultTimeout(Patience);
        // what the policy for content forbids, a script that fails, an asset that is not there: a browser says so here
        page.Console += (_, said) =>
        {
            if (said.Type == "error" && said.Location.StartsWith(url, StringComparison.Ordinal))
            {
                complaints.Enqueue($"{said.Text} ({said.Location})");
            }
        };
        // nothing is asked of any host but the console's own, and the issuer's for the sign-in
        page.Request += (_, asked) =>
        {
            if (!new[] { $"{url}/", $"{issuer}/", $"blob:{url}/", "data:" }.Any(own => asked.Url.StartsWith(own, StringComparison.Ordinal)))
            {
                complaints.Enqueue($"it asked for {asked.Url}");
            }
        };
        page.PageError += (_, error) => complaints.Enqueue(error);
    }

    public IPage Page { get; }

    /// <summary>What the test has brought about: a refusal that the browser reports too.</summary>
    public void Forgives(string status)
    {
        Assert.True(complaints.TryDequeue(out var complaint) && complaint.Contains(status, StringComparison.Ordinal), $"the browser did not complain of {status}");
    }

    public ILocator Card(string text) => Page.Locator("article.card").Filter(new() { HasText = text });

    public Task Sees(string selector, string? text = null) =>
        Assertions.Expect((text is null ? Page.Locator(selector) : Page.Locator(selector).Filter(new() { HasText = text })).First).ToBeVisibleAsync(new() { Timeout = Patience });

    public Task Go(string page) => Page.Locator("nav").GetByRole(AriaRole.Link, new() { Name = page }).ClickAsync();

    public Task Press(string button, ILocator? within = null) => (within?.GetByRole(AriaRole.Button, new() { Name = button }) ?? Page.GetByRole(AriaRole.Button, new() { Name = button })).First.ClickAsync();

    /// <summary>Types an instant as the clock on their wall shows it.</summary>
    public Task Types(string field, DateTimeOffset at)
    {
        var local = TimeZoneInfo.ConvertTime(at, Zone).ToString("yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
        // a browser leaves out seconds where there are none
        return Page.GetByLabel(field, new() { Exact = true }).FillAsync(local.EndsWith(":00", StringComparison.Ordinal) ? local[..^3] : local);
    }

    /// <summary>Without a mouse: by the Tab key, and whatever has the focus on the way shows that it has.</summary>
    public async Task Reach(ILocator element)
    {
        for (var presses = 0; !await element.EvaluateAsync<bool>("element => element === document.activeElement"); presses++)
        {
            Assert.True(presses < 100, $"{element} cannot be reached with the Tab key");
            await Page.Keyboard.PressAsync("Tab");
            var unseen = await Page.EvaluateAsync<string>(Unseen);
            Assert.True(unseen.Length == 0, $"nobody sees that this has the focus: {unseen}");
        }
    }

    /// <summary>From the page's heading with the Tab key alone: every control (of very many the first sixty) has had the focus, and showed it.</summary>
    /// <returns>How many there are.</returns>
    public async Task<int> WalksThrough(string page)
    {
        await Page.EvaluateAsync("() => { const heading = document.querySelector('main h1'); heading.focus(); }");
        var controls = await Page.EvaluateAsync<int>(Controls);
        for (var presses = 0; presses < 10 * (controls + 1) && (await Page.EvaluateAsync<string[]>(Unvisited)).Length > 0; presses++)
        {
            await Page.Keyboard.PressAsync("Tab");
            var unseen = await Page.EvaluateAsync<string>(Unseen);
            Assert.True(unseen.Length == 0, $"nobody sees that this has the focus on {page}: {unseen}");
            await Page.EvaluateAsync("() => document.activeElement?.setAttribute('data-visited', '')");
        }
        Assert.True(await Page.EvaluateAsync<string[]>(Unvisited) is { Length: 0 }, $"{page} has controls that the Tab key does not reach: {string.Join("; ", await Page.EvaluateAsync<string[]>(Unvisited))}");
        return controls;
    }

    /// <summary>Marks what can be operated, and counts it. Of one choice the Tab key reaches one button, and arrows the others.</summary>
    private const string Controls = """
        () => {
          const all = [...document.querySelectorAll("main :is(a[href], button, input:not([type=hidden]), select, textarea, summary)")]
            .filter((e) => !e.disabled && e.checkVisibility({ visibilityProperty: true }) && (e.type !== "radio" || e.checked || ![...document.getElementsByName(e.name)].some((r) => r.checked)));
          all.slice(0, 60).forEach((e) => e.setAttribute("data-to-visit", ""));
          return Math.min(all.length, 60);
        }
        """;

    private const string Unvisited = "() => [...document.querySelectorAll('[data-to-visit]:not([data-visited])')].map((e) => e.outerHTML.slice(0, 100))";

    /// <summary>What has the focus, where nothing around it says so.</summary>
    private const string Unseen = """
        () => {
          const focused = document.activeElement?.closest(".offer") ?? document.activeElement ?? document.body;
          const { outlineStyle, outlineWidth } = getComputedStyle(focused);
          // the button in a field for a time has a ring of its own, which no script sees
          const within = focused.type === "datetime-local" && !focused.matches(":focus");
          return within || focused === document.body || (outlineStyle === "solid" && parseFloat(outlineWidth) >= 2) ? "" : focused.outerHTML.slice(0, 200);
        }
        """;

    /// <summary>
    /// Keeps the page as it looks: light, dark, and on a narrow screen. In each it is seen to that all text can be read (WCAG AA: 4.5:1, 3:1 where it is large), also what stands
    /// in empty fields, that fields have an edge that can be seen (3:1), and that nothing hangs over the side.
    /// </summary>
    public async Task Shot(string name)
    {
        var folder = Directory.CreateDirectory(Browser.Shots).FullName;
        await Page.EvaluateAsync("() => document.activeElement?.blur()");
        foreach (var (scheme, suffix) in ((ColorScheme, string)[])[(ColorScheme.Dark, "-dark"), (ColorScheme.Light, "")])
        {
            await Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            // a colour may be on its way to another one still
            string[] pale = [];
            await Wait.Until(async () => (pale = await Page.EvaluateAsync<string[]>(Pale)).Length == 0, 5, () => $"too pale to be seen in {name}{suffix}: {string.Join("; ", pale)}");
            await Page.ScreenshotAsync(new() { Path = $"{folder}/{name}{suffix}.png", FullPage = true });
        }
        await Page.SetViewportSizeAsync(390, 844);
        var over = await Page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - innerWidth");
        Assert.True(over <= 0, $"{name} hangs over a narrow screen by {over} pixels");
        await Page.ScreenshotAsync(new() { Path = $"{folder}/{name}-narrow.png", FullPage = true });
        await Page.SetViewportSizeAsync(1280, 860);
    }

    public async ValueTask DisposeAsync()
    {
        await context.DisposeAsync();
        Assert.True(complaints.IsEmpty, $"the browser complained: {string.Join("; ", complaints)}");
    }

    /// <summary>Every visible text, what stands in empty fields, and every field's edge, with its contrast against what is behind it, where that is too little.</summary>
    private const string Pale = """
        () => {
          const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
          const parse = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
          const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
          const contrast = (one, other) => { const [a, b] = [light(one), light(other)]; return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
          const behind = (element) => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
          const found = [];
          const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (texts.nextNode()) {
            const element = texts.currentNode.parentElement;
            if (!texts.currentNode.textContent.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest("option, noscript, :disabled")) continue;
            const style = getComputedStyle(element);
            const ratio = contrast(parse(style.fill !== "rgb(0, 0, 0)" && element.closest("svg") ? style.fill : style.color), behind(element));
            const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
            if (ratio < (large ? 3 : 4.5)) found.push(`${texts.currentNode.textContent.trim().slice(0, 40)} (${ratio.toFixed(2)}:1)`);
          }
          // those that browsers draw themselves, they draw well
          for (const field of document.querySelectorAll("input:not([type=radio], [type=checkbox], [type=range]), select, textarea, .offer")) {
            if (field.disabled || !field.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
            const [style, what] = [getComputedStyle(field), field.getAttribute("aria-label") ?? field.placeholder ?? field.textContent.trim().slice(0, 40)];
            const color = parse(style.borderTopColor);
            const edge = parseFloat(style.borderTopWidth) > 0 && color[3] === 255 ? contrast(color, behind(field.parentElement)) : 1;
            if (edge < 3) found.push(`the edge of: ${what} (${edge.toFixed(2)}:1)`);
            const hint = field.matches(":placeholder-shown") ? contrast(parse(getComputedStyle(field, "::placeholder").color), behind(field)) : 21;
            if (hint < 4.5) found.push(`the hint in: ${what} (${hint.toFixed(2)}:1)`);
          }
          return found;
        }
        """;
}
