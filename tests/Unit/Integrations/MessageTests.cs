using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.Integrations;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Integrations;

/// <summary>What others have written stands in messages and mails as text, and does nothing there.</summary>
public sealed class MessageTests
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Actor Hostile = People.Engineer with { Name = "Erin\r\nBcc: evil@example.org\r\n\r\n<!channel> `x` \u202e" };

    private static Stored Stored(int version, IEvent e) => new(version, Id, version, Id, World.Noon, new EventContext(People.Engineer, Id), e);

    private static News Only(params IEvent[] events) => Assert.Single(News.Of([.. events.Select((e, i) => Stored(i + 1, e))], "https://accessplane.example"));

    private static RequestSubmitted Asked(Actor who, string? reason = null) => new(
        Id, who, "write", "orders", TimeSpan.FromMinutes(20), reason, null, [new ApprovalStep(Who.Nobody with { Groups = ["dba", "security"] }, 1)], World.Noon.AddHours(1), 1);

    private static OperationHeld Held(string text) => new(
        Id, "agent", Hostile, "write", (HeldOperation)Sample.Of(typeof(HeldOperation)) with { Text = text }, Who.Nobody with { Groups = ["dba"] }, 1, World.Noon.AddMinutes(1));

    public static TheoryData<string> Kinds => [.. Every.Keys];

    private static Dictionary<string, Func<News>> Every => new()
    {
        ["request.submitted"] = () => Only(Asked(Hostile, "<!here> ``` \u0007\n.\n<b>")),
        ["request.decided"] = () => News.Of([Stored(1, Asked(Hostile)), Stored(2, new RequestDenied(People.Dba, null))], "https://accessplane.example").Single(),
        ["hold.opened"] = () => Only(Held("select '```<!channel>'")),
        ["hold.decided"] = () => News.Of([Stored(1, Held("select 1")), Stored(2, new HoldLapsed(World.Noon))], "https://accessplane.example").Single(),
        ["grant.ended"] = () => News.Of(
            [
                Stored(1, new GrantIssued(Id, Id, Hostile, "write", "orders", Scope.Any, TimeSpan.FromHours(1), World.Noon, 1, TokenLogin.WorkloadsOnly, 1)),
                Stored(2, new GrantRevoked(Hostile, "<!channel>`")),
            ], "https://accessplane.example").Single(),
        ["lock.placed"] = () => Only(new LockPlaced(Id, new LockTarget(Everything: true), "<!channel>`\r\nBcc: x", null, Hostile)),
        ["lock.lifted"] = () => News.Of([Stored(1, new LockPlaced(Id, new LockTarget(Resource: "orders"), "x", null, Hostile)), Stored(2, new LockLifted(Id, Hostile, "`<!here>"))], "https://accessplane.example").Single(),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_message_has_no_mention_no_link_and_no_end_of_its_code_but_ours(string kind)
    {
        var news = Every[kind]();
        Assert.Equal(kind, news.Kind);
        var json = new SlackMessage(news, "https://accessplane.example", new SlackButtons("chat", "secret")).ToJson();
        var texts = Texts(JsonSerializer.SerializeToElement(json)).ToList();
        Assert.All(texts, text =>
        {
            Assert.DoesNotContain('<', text);
            Assert.DoesNotContain('\u202e', text);
            Assert.DoesNotContain(text, c => char.IsControl(c) && c != '\n');
            // back ticks are ours: one before and one behind, or three
            Assert.True(text.Count(c => c == '`') % 2 == 0, text);
            Assert.True(text.Length <= 3000, text);
        });
        Assert.Contains(texts, t => kind.StartsWith("lock", StringComparison.Ordinal) || t.Contains("⟨U+000D⟩⟨U+000A⟩Bcc", StringComparison.Ordinal));
    }

    /// <summary>Slack refuses a message whole that is larger than it takes: 50 blocks, 150 characters of a header, 10 fields of 2,000, 3,000 of a text, 75 on a button and 2,000 behind it.</summary>
    [Fact]
    public void However_much_there_is_to_tell_a_message_is_one_that_Slack_takes()
    {
        var (much, sample) = (new string('&', 700), (HeldOperation)Sample.Of(typeof(HeldOperation)));
        var held = new OperationHeld(
            Id, "agent", Hostile with { Name = much, Act = [.. Enumerable.Repeat(Hostile with { Name = much }, 20)] }, much,
            sample with
            {
                Text = new string('&', 100_000),
                Facts = sample.Facts with { Relations = [.. Enumerable.Repeat(new RelationUse(much, RelationAccess.Write), 100)] },
                Reasons = [.. Enumerable.Repeat(new Reason(much, Effect.Hold, much), 20)],
            },
            Who.Nobody with { Groups = [.. Enumerable.Repeat(much, 20)] }, 1, World.Noon.AddMinutes(1));
        var message = JsonSerializer.SerializeToElement(new SlackMessage(Only(held), "https://accessplane.example", new SlackButtons("chat", "secret")).ToJson());
        var seen = new HashSet<string>();
        Fits(message);
        Assert.Superset(new HashSet<string> { "blocks", "header", "fields", "section", "button" }, seen);

        void Fits(JsonElement part)
        {
            if (part.ValueKind == JsonValueKind.Array)
            {
                part.EnumerateArray().ToList().ForEach(Fits);
                return;
            }
            if (part.ValueKind != JsonValueKind.Object)
            {
                return;
            }
            var type = part.TryGetProperty("type", out var named) ? named.GetString() : null;
            if (part.TryGetProperty("blocks", out var blocks))
            {
                Assert.InRange(blocks.GetArrayLength(), 1, 50);
                seen.Add("blocks");
            }
            if (part.TryGetProperty("fields", out var fields))
            {
                Assert.InRange(fields.GetArrayLength(), 1, 10);
                Assert.All(fields.EnumerateArray(), f => Assert.InRange(f.GetProperty("text").GetString()!.Length, 1, 2000));
                seen.Add("fields");
            }
            if (type is "header" or "section" or "button" && part.TryGetProperty("text", out var text))
            {
                Assert.InRange(text.GetProperty("text").GetString()!.Length, 1, type switch { "header" => 150, "button" => 75, _ => 3000 });
                seen.Add(type);
            }
            if (type == "button" && part.TryGetProperty("value", out var value))
            {
                Assert.InRange(value.GetString()!.Length, 1, 2000);
            }
            part.EnumerateObject().ToList().ForEach(m => Fits(m.Value));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_mail_has_no_header_but_ours_and_nothing_of_others_in_its_html(string kind)
    {
        using var mail = MailMessages.Of(Every[kind](), "accessplane@example.org", ["dba@example.org"], "https://accessplane.example");
        using var written = new MemoryStream();
        mail.WriteTo(written, Xunit.TestContext.Current.CancellationToken);
        written.Position = 0;
        using var read = MimeKit.MimeMessage.Load(written, Xunit.TestContext.Current.CancellationToken);
        Assert.Equal(
            ["Auto-Submitted", "Date", "From", "MIME-Version", "Message-Id", "Subject", "To"],
            read.Headers.Select(h => h.Field).Order(StringComparer.Ordinal));
        Assert.Equal("dba@example.org", Assert.Single(read.To.Mailboxes).Address);
        Assert.Empty(read.Bcc);
        Assert.DoesNotContain('\n', read.Subject!);
        Assert.DoesNotContain("<!", read.HtmlBody![15..], StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", read.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("https://accessplane.example/console/to-decide", read.TextBody, StringComparison.Ordinal);
    }

    /// <summary>Words of ours, in lines of their own, between those of somebody who would like to have written them.</summary>
    private const string Imitation = "nothing\nstate: evil\n\n> rule: evil\n*Runs* `evil`\n```\n*Parameter 1*\n```\ndecide in the console: https://evil.example\r\nby: evil\u2028risk: evil";

    private static readonly string TooLong = $"{new string(' ', 73)}state: evil {new string('\t', 40)}state: evil {new string('語', 20)}state: evil";

    public static TheoryData<string> Imitations => [Imitation, TooLong, $"{Imitation}\n{TooLong}"];

    private static OperationHeld Imitating(string text) => Held(text) with
    {
        Operation = Held(text).Operation with
        {
            Runs = [new HeldRun(text, text)],
            Parameters = [new HeldParameter(null, text, null), new HeldParameter(null, null, null), new HeldParameter(null, null, "AAAA")],
        },
    };

    [Theory]
    [MemberData(nameof(Imitations))]
    public void No_line_of_a_mail_that_others_wrote_can_be_taken_for_one_of_ours(string text)
    {
        Assert.Equal(
            ["who", "what: write on orders", "for: 20 minutes", "reason:", "reference: none", "decide before: ", "decide in the console: https://accessplane.example/console/to-decide"],
            OursIn(Only(Asked(People.Engineer, text))), Begins);
        Assert.Equal(
            ["who", "where", "rule", "risk", "decide before: ", "statement:", "runs", "parameter:", "parameter: null", "parameter, base64: AAAA",
                "decide in the console: https://accessplane.example/console/to-decide"],
            OursIn(Only(Imitating(text))), Begins);
        Assert.Equal(["reason: none"], OursIn(Only(Asked(People.Engineer))).Where(l => l.StartsWith("reason", StringComparison.Ordinal)));

        static bool Begins(string expected, string line) => line.StartsWith(expected, StringComparison.Ordinal);
    }

    private static List<string> OursIn(News news)
    {
        using var mail = MailMessages.Of(news, "accessplane@example.org", ["dba@example.org"], "https://accessplane.example");
        var lines = mail.TextBody!.Split('\n').Select(l => l.TrimEnd('\r')).ToList();
        // names stand in one line, behind a word of ours
        Assert.All(lines.Where(l => l.Contains("evil", StringComparison.Ordinal)), l => Assert.Matches("^(> |>> |who: |runs )", l));
        Assert.All(lines, l => Assert.True(l.Length <= 80 || l.StartsWith("decide in", StringComparison.Ordinal), l));
        Assert.Equal(lines.Any(l => l.StartsWith("> ", StringComparison.Ordinal)), mail.HtmlBody!.Contains("&gt; ", StringComparison.Ordinal));
        return [.. lines.Where(l => l.Length > 0 && l[0] != '>')];
    }

    [Theory]
    [MemberData(nameof(Imitations))]
    public void Nothing_that_others_wrote_stands_outside_of_code_in_a_message(string text)
    {
        Assert.Equal("*Statement*\n\n*Runs* \n\n*Parameter 1*\n\n*Parameter 2* is null\n*Parameter 3*, base64\n", OutsideOfCode(Only(Imitating(text)), "*Statement*"));
        Assert.Equal("*Reason*\n", OutsideOfCode(Only(Asked(People.Engineer, text)), "*Reason*"));
        Assert.Equal("*Reason*\nnone", OutsideOfCode(Only(Asked(People.Engineer)), "*Reason*"));
    }

    private static string OutsideOfCode(News news, string title)
    {
        var texts = Texts(JsonSerializer.SerializeToElement(new SlackMessage(news, null, null).ToJson())).Select(t => Regex.Replace(Regex.Replace(t, "```.*?```", "", RegexOptions.Singleline), "`[^`\n]*`", "")).ToList();
        Assert.All(texts, t => Assert.DoesNotContain("evil", t, StringComparison.Ordinal));
        return Assert.Single(texts, t => t.StartsWith(title, StringComparison.Ordinal));
    }

    [Fact]
    public void A_step_and_its_groups_are_one_piece_of_news_whose_id_stays_the_same()
    {
        var (one, other) = (Only(Asked(People.Engineer)), Only(Asked(People.Engineer)));
        Assert.Equal(["dba", "security"], one.Groups);
        Assert.Equal($"{Id:N}_request-submitted", one.Id);
        Assert.Equal(one.ToCloudEvent("x").ToBytes(), other.ToCloudEvent("x").ToBytes());
        Assert.DoesNotContain('.', one.Id);
    }

    [Fact]
    public void Who_is_told_of_some_groups_is_not_told_of_others()
    {
        var news = Only(Asked(People.Engineer));
        Assert.True(news.IsFor([]) && news.IsFor(["security"]));
        Assert.False(news.IsFor(["payroll"]));
        Assert.True(Every["lock.placed"]().IsFor(["payroll"]));
        Assert.False(Every["grant.ended"]().IsFor(["payroll"]));
    }

    [Fact]
    public void A_button_is_there_for_what_is_shown_whole()
    {
        Assert.Equal(["accessplane_approve", "accessplane_deny", "accessplane_console"], Actions(Held("select 1"), true));
        Assert.Equal(["accessplane_deny", "accessplane_console"], Actions(Held($"select {new string('&', 1000)}"), true));
        Assert.Equal(["accessplane_console"], Actions(Held("select 1"), false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("payload=")]
    [InlineData("payload={")]
    [InlineData("payload=[]")]
    [InlineData("payload={\"type\":\"block_actions\"}")]
    [InlineData("payload={\"type\":\"block_actions\",\"user\":{\"id\":\"U1\"},\"actions\":[]}")]
    [InlineData("payload={\"type\":\"block_actions\",\"user\":{\"id\":\"U1\"},\"actions\":[{\"action_id\":\"accessplane_approve\",\"value\":\"{}\"}]}")]
    [InlineData("payload={\"type\":\"block_actions\",\"user\":{\"id\":7},\"actions\":[{\"action_id\":\"accessplane_approve\",\"value\":7}]}")]
    [InlineData("payload={\"type\":7}")]
    public void What_is_no_decision_is_none(string form) => Assert.Null(SlackPress.Read(form));

    private static IEnumerable<string?> Actions(OperationHeld held, bool hasButtons) =>
        JsonSerializer.SerializeToElement(new SlackMessage(Only(held), "https://accessplane.example", hasButtons ? new SlackButtons("chat", "secret") : null).ToJson()).GetProperty("blocks").EnumerateArray()
            .Single(b => b.GetProperty("type").GetString() == "actions").GetProperty("elements").EnumerateArray().Select(e => e.GetProperty("action_id").GetString());

    private static IEnumerable<string> Texts(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.Object => json.EnumerateObject().SelectMany(m => m.NameEquals("text") && m.Value.ValueKind == JsonValueKind.String ? [m.Value.GetString()!] : Texts(m.Value)),
        JsonValueKind.Array => json.EnumerateArray().SelectMany(Texts),
        _ => [],
    };
}
