using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using AccessPlane.ControlPlane.Notifications;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// News as Block Kit. Who decides by a button must have seen all of what they decide about: what does not fit is cut, and can then be denied here, and
/// approved in the console alone.
/// </summary>
/// <param name="Console">Where the console is; null where nobody knows.</param>
/// <param name="Buttons">Null where nobody may decide here.</param>
internal sealed record SlackMessage(News News, string? Console, SlackButtons? Buttons)
{
    public const string Approve = "accessplane_approve";
    public const string Deny = "accessplane_deny";
    private const int LongestText = 2_600; // Slack takes 3000, and the code needs some
    private const int LongestValue = 900;
    private const int LongestReason = 500;
    private const int MostReasons = 5;

    public JsonObject ToJson()
    {
        var (title, summary, blocks, isWhole) = News.Body switch
        {
            Notification n => ("Access is asked for", $"{SlackText.Span(n.Who.Name)} asks for {SlackText.Span(n.What.Entitlement)}", Request(n, out var asked), asked),
            Decided d => ($"A request is {Word(d.State)}", $"the request of {SlackText.Span(d.Who.Name)} is {Word(d.State)}", [Fields(Who(d.Who), What(d.What))], true),
            HoldNotification h => Held(h),
            HoldDecided d => ($"An operation is {Word(d.State)}", $"the operation of {SlackText.Span(d.Who.Name)} is {Word(d.State)}", [Fields(Who(d.Who), What(d.What)), Statement(d.What).Block], true),
            GrantNews g => ("A grant has ended", $"the grant of {SlackText.Span(g.Who.Name)} has ended: {g.How}",
                [Fields(Who(g.Who), ("Of", $"{SlackText.Span(g.Entitlement)} on {SlackText.Span(g.Resource)}"), ("By", SlackText.Span(g.By)), ("Why", SlackText.Span(g.Why ?? g.How)))], true),
            LockNews l => (l.Why is null ? "A lock is placed" : "A lock is lifted", $"{(l.Why is null ? "a lock is placed" : "a lock is lifted")}: {SlackText.Span(l.Reason)}",
                [Fields(("On", SlackText.Span(Target(l))), ("By", SlackText.Span(l.By ?? "time")), ("Why", SlackText.Span(l.Why ?? l.Reason)))], true),
            var body => throw new InvalidOperationException($"no message is made of `{body.GetType().Name}`"),
        };
        JsonArray all = [new JsonObject { ["type"] = "header", ["text"] = new JsonObject { ["type"] = "plain_text", ["text"] = title } }];
        foreach (var block in blocks)
        {
            all.Add(block);
        }
        if (!isWhole)
        {
            all.Add(Section("It is longer than what is shown here: all of it is in the console."));
        }
        if (Actions(isWhole) is { Count: > 0 } buttons)
        {
            all.Add(new JsonObject { ["type"] = "actions", ["block_id"] = News.Id, ["elements"] = buttons });
        }
        return new JsonObject { ["text"] = summary, ["blocks"] = all };
    }

    private static JsonObject[] Request(Notification n, out bool isWhole)
    {
        var (reason, all) = n.Why.Reason is { } said ? SlackText.Shown(PeopleText.Lines(said), LongestText) : ("none", true);
        isWhole = all && Fits(n.Who) && SlackText.Fits(n.Why.Reference ?? "");
        return
        [
            Fields(
                Who(n.Who), What(n.What), ("For", $"{Minutes(n.What.Duration)}"), ("Step", $"{n.What.Step} of {n.What.Steps}"), ("Decide before", At(n.ExpiresAt)),
                ("Reference", n.Why.Reference is { } reference ? SlackText.Span(reference) : "none")),
            Section($"*Reason*\n{reason}"),
        ];
    }

    private static bool Fits(NotifiedWho who) => SlackText.Fits(string.Join(" via ", who.Chain), LongestValue);

    private static (string Title, string Summary, JsonObject[] Blocks, bool IsWhole) Held(HoldNotification h)
    {
        var (statement, isWhole) = Statement(h.What);
        var (touches, beware) = (h.What.Relations.Count == 0 ? "unknown" : string.Join(", ", h.What.Relations), Beware(h.What));
        isWhole = isWhole && Fits(h.Who) && SlackText.Fits(touches, LongestValue) && SlackText.Fits(beware, LongestValue) &&
            h.Why.Reasons.Count <= MostReasons && h.Why.Reasons.All(r => SlackText.Fits(r.Text, LongestReason));
        var risk = h.What.Risk.ToString(CultureInfo.InvariantCulture);
        List<JsonObject> blocks =
        [
            Fields(
                Who(h.Who), What(h.What), ("Risk", risk), ("Rows", h.What.Rows?.ToString(CultureInfo.InvariantCulture) ?? "unknown"), ("Decide before", At(h.ExpiresAt)),
                ("Rule", SlackText.Span(h.Why.Rule)), ("Touches", SlackText.Span(touches, LongestValue)),
                ("Beware", SlackText.Span(beware, LongestValue))),
            statement,
        ];
        blocks.AddRange(h.Why.Reasons.Take(MostReasons).Select(r => Section(SlackText.Span(r.Text, LongestReason))));
        return ("An operation waits", $"an operation of {SlackText.Span(h.Who.Name)} on {SlackText.Span(h.What.Resource)} waits, risk {risk}", [.. blocks], isWhole);
    }

    private static string Beware(HeldWhat what)
    {
        string?[] all =
        [
            what.Unbounded ? "nothing bounds its rows" : null,
            what.Opaque is { } why ? $"it may do more than can be read here: {why}" : null,
            what.Transaction == "T" ? "its transaction is open, and holds its locks while it waits" : null,
        ];
        return string.Join("; ", all.OfType<string>()) is { Length: > 0 } text ? text : "nothing known";
    }

    /// <summary>The text with everything that runs with it, each part in code of its own: words of ours between them cannot be written inside of one.</summary>
    private static (JsonObject Block, bool IsWhole) Statement(HeldWhat what)
    {
        // the queue's words: what hides is spelled out in them
        var (text, isWhole) = SlackText.Shown(what.Text, LongestText);
        var shown = new StringBuilder($"*Statement*\n{text}");
        foreach (var run in what.Runs)
        {
            Add($"\n*Runs* {SlackText.Span(run.Name)}\n", left => SlackText.Shown(run.Text, left));
        }
        foreach (var (at, parameter) in what.Parameters.Index())
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"\n*Parameter {at + 1}*");
            switch (parameter)
            {
                case { Text: { } value }:
                    Add($"{name}\n", left => SlackText.Shown(value, left));
                    break;
                case { Base64: { } bytes }:
                    Add($"{name}, base64\n", left => SlackText.Shown(bytes, left));
                    break;
                default:
                    Add($"{name} is null", _ => ("", true));
                    break;
            }
        }
        return (Section(shown.ToString()), isWhole && what.Runs.All(r => SlackText.Fits(r.Name)));

        // nothing behind what is cut
        void Add(string title, Func<int, (string Text, bool IsWhole)> value)
        {
            var left = LongestText - shown.Length - title.Length;
            if (!isWhole || left < 0)
            {
                isWhole = false;
                return;
            }
            var part = value(left);
            isWhole = part.IsWhole;
            shown.Append(title).Append(part.Text);
        }
    }

    private JsonArray Actions(bool isWhole)
    {
        JsonArray buttons = [];
        if (Buttons is { } ours && News.Asks is not null)
        {
            if (isWhole)
            {
                buttons.Add(Button(ours, Approve, "Approve", "primary"));
            }
            buttons.Add(Button(ours, Deny, "Deny", "danger"));
        }
        if (Console is not null)
        {
            buttons.Add(new JsonObject
            {
                ["type"] = "button",
                ["action_id"] = "accessplane_console",
                ["text"] = Plain("Open the console"),
                ["url"] = $"{Console}/console/to-decide",
            });
        }
        return buttons;
    }

    private JsonObject Button(SlackButtons ours, string action, string text, string style)
    {
        var version = News.Body switch { Notification n => n.ExpectedVersion, HoldNotification h => h.ExpectedVersion, _ => 0 };
        return new JsonObject
        {
            ["type"] = "button",
            ["action_id"] = action,
            ["text"] = Plain(text),
            ["style"] = style,
            ["value"] = new SlackChoice(News.Kind.Split('.')[0], News.About, version, ours.Destination, News.Seal).ToText(ours.Secret),
        };
    }

    private static JsonObject Plain(string text) => new() { ["type"] = "plain_text", ["text"] = text };

    private static JsonObject Section(string text) => new() { ["type"] = "section", ["text"] = new JsonObject { ["type"] = "mrkdwn", ["text"] = text } };

    private static JsonObject Fields(params (string Name, string Value)[] fields) => new()
    {
        ["type"] = "section",
        ["fields"] = new JsonArray([.. fields.Select(f => (JsonNode)new JsonObject { ["type"] = "mrkdwn", ["text"] = $"*{f.Name}*\n{f.Value}" })]),
    };

    private static (string Name, string Value) Who(NotifiedWho who) =>
        ("Who", $"{SlackText.Span(who.Name)}\n{SlackText.Span(string.Join(" via ", who.Chain), LongestValue)}");

    private static (string Name, string Value) What(NotifiedWhat what) =>
        ("What", $"{SlackText.Span(what.Entitlement)} on {SlackText.Span(what.Resource)}{(what.Extends is null ? "" : ", longer")}");

    private static (string Name, string Value) What(HeldWhat what) =>
        ("Where", $"{SlackText.Span(what.Resource)}, database {SlackText.Span(what.Database)}, as {SlackText.Span(what.Role)}");

    private static string Target(LockNews l) =>
        l.On.Everything == true ? "everything" : l.On.Actor ?? l.On.Resource ?? l.On.Agent ?? l.On.Grant?.ToString("D") ?? "nothing";

    private static string Word(string state) => state.ToLowerInvariant();

    private static string Minutes(TimeSpan duration) => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMinutes:0.#} minutes");

    private static string At(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}

/// <summary>What makes buttons ours.</summary>
/// <param name="Destination">Whose people press them.</param>
/// <param name="Secret">The signing secret of its app.</param>
internal sealed record SlackButtons(string Destination, string Secret);
