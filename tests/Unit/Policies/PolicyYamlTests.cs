using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

public sealed class PolicyYamlTests
{
    private static readonly string Everything = File.ReadAllText(Path.Combine(Corpus.Folder, "policy", "everything.yaml"));
    private static PolicyModel Model => PolicyYaml.Read(Everything).Model!;

    [Fact]
    public void A_document_means_what_it_says()
    {
        var read = Model.Entitlement("read")!;
        Assert.Equal(new TimeSpan(1, 2, 3, 4), read.MaxDuration);
        Assert.Equal(TimeSpan.FromDays(7), read.MaxTotal);
        Assert.Equal(TimeSpan.FromSeconds(90), read.ActivateWithin);
        Assert.Equal(["select", "explain", "show", "copy-to"], read.Scope.Statements);
        Assert.Equal([ActorKind.Person, ActorKind.Workload, ActorKind.AiAgent], read.Who.Kinds);
        Assert.Equal("shop/billing", read.Who.Claims["repository"]);
        Assert.True(read.Reason.Required);
        Assert.Equal("^[A-Z]+-[0-9]+$", read.Reason.Reference);
        Assert.True(read.Approval!.Auto);
        Assert.Equal(50, read.MaxConnections);
        Assert.True(read.TokenLogin.Once);
        var write = Model.Entitlement("write")!;
        Assert.Equal([2, 1], write.Approval!.Steps.Select(s => s.Count));
        Assert.Equal(TimeSpan.FromMinutes(30), write.Approval.Steps[1].UnlessDurationUnder);
        Assert.NotNull(write.Approval.Fallback);
        Assert.Equal(TimeSpan.FromHours(24), Model.Entitlement("glass")!.BreakGlass!.ReviewWithin);
        Assert.Equal(
            new ResourceTerms("orders", "postgresql", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), Evidence.Fsync)
            {
                Masking = MaskingMode.Server,
                RecordRows = new RecordedRows(100, 256 << 10),
            },
            Model.Resource("orders"));
        Assert.Equal(("app_readers", "select"), (Assert.Single(read.Login!.MemberOf), Assert.Single(read.Login.Privileges)));
        Assert.Equal("https://idp.example|a", Model.Directory.Owners["https://idp.example|ci"]);
    }

    [Fact]
    public void What_is_left_out_has_the_narrow_meaning()
    {
        var write = Model.Entitlement("write")!;
        Assert.Equal(TimeSpan.FromHours(1), write.MaxDuration);
        Assert.Equal(write.MaxDuration, write.MaxTotal);
        Assert.Equal(1, write.MaxConnections);
        Assert.Equal([ActorKind.Workload], write.TokenLogin.Kinds);
        Assert.Null(write.Login);
        Assert.Equal(TimeSpan.FromHours(1), write.Approval!.Expires);
    }

    [Fact]
    public void Rows_are_recorded_where_the_document_says_so_and_of_64_KiB_where_it_does_not_say_how_much()
    {
        Assert.Equal(
            new RecordedRows(10, 64 << 10),
            Assert.Single(PolicyYaml.Read("resources: [{ id: orders, kind: postgresql, record-rows: { most: 10 } }]\nentitlements: []\n").Model!.Resources).RecordRows);
        Assert.Null(Assert.Single(PolicyYaml.Read("resources: [{ id: orders, kind: postgresql }]\nentitlements: []\n").Model!.Resources).RecordRows);
    }

    [Fact]
    public void A_resource_that_says_nothing_of_it_freezes_after_ten_seconds_and_ends_its_sessions_after_five_minutes() =>
        Assert.Equal(
            new ResourceTerms("orders", "postgresql", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(5), Evidence.Buffered),
            Assert.Single(PolicyYaml.Read("resources: [{ id: orders, kind: postgresql }]\nentitlements: []\n").Model!.Resources));

    [Fact]
    public void The_demos_document_is_valid_without_a_word() =>
        Assert.Empty(PolicyYaml.Read(File.ReadAllText(Path.Combine(Corpus.Folder, "demo-policy.yaml"))
            .Replace("${OIDC_ISSUER}", "http://127.0.0.1:1", StringComparison.Ordinal)).Problems);

    [Theory]
    [InlineData("8h", 28_800)]
    [InlineData("30m", 1_800)]
    [InlineData("10s", 10)]
    [InlineData("7d", 604_800)]
    [InlineData("1h30m", 5_400)]
    [InlineData("1d1s", 86_401)]
    public void Durations_are_written_with_their_units(string text, int seconds)
    {
        Assert.Equal(TimeSpan.FromSeconds(seconds), Durations.Parse(text));
        Assert.Equal(text, Durations.Text(TimeSpan.FromSeconds(seconds)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("h")]
    [InlineData("-1h")]
    [InlineData("1.5h")]
    [InlineData("30m1h")]
    [InlineData("1h1h")]
    [InlineData("1 h")]
    [InlineData("1H")]
    [InlineData("0s")]
    [InlineData("9999999d")]
    [InlineData("99999999999999999999s")]
    [InlineData("1h\n")]
    [InlineData("١h")]
    public void What_is_not_a_duration_is_none(string text) => Assert.Null(Durations.Parse(text));

    [Fact]
    public void A_document_of_more_than_a_mebibyte_is_refused() =>
        Assert.Contains("1 MiB", Assert.Single(PolicyYaml.Read(new string('#', 1 << 20) + "\n").Problems).Message, StringComparison.Ordinal);

    [Fact]
    public void A_great_many_problems_are_told_of_up_to_a_bound()
    {
        var reading = PolicyYaml.Read(string.Concat(Enumerable.Range(0, 20_000).Select(i => $"k{i}: 1\n")));
        Assert.False(reading.IsValid);
        Assert.Equal(1_001, reading.Problems.Count);
    }

    /// <summary>Whatever is in the text, its author is told and the process lives.</summary>
    [Fact]
    public void No_text_is_too_broken_to_be_told_about()
    {
        const string odd = "{}[]:,-?&*!|>'\"%@`#~\n\t \\<=0aé\u0085\u2028\0";
        var texts = Directory.GetFiles(Path.Combine(Corpus.Folder, "policy"), "*.yaml").Select(File.ReadAllText).ToArray();
        var damaged =
            from text in Gen.Elements(texts)
            from edits in Gen.Zip(Gen.Choose(0, int.MaxValue), Gen.Elements(odd.ToCharArray())).ListOf(4)
            from cut in Gen.Choose(0, text.Length)
            select edits.Aggregate(text[..Math.Max(1, cut)], (t, e) => t.Insert(e.Item1 % (t.Length + 1), e.Item2.ToString()));
        Prop.ForAll(damaged.ToArbitrary(), text =>
        {
            var reading = PolicyYaml.Read(text);
            return reading.IsValid == reading.Problems.All(p => p.Severity == ProblemSeverity.Warning) && reading.Problems.All(p => p is { Line: > 0, Column: > 0 });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    [Theory]
    [InlineData("1h", "30m", 1)]
    [InlineData("1h", "1h", 0)]
    public void A_review_that_is_due_before_the_access_is_over_is_warned_of(string duration, string within, int warnings)
    {
        var reading = PolicyYaml.Read(
            "resources: [{ id: orders, kind: postgresql }]\nentitlements:\n" +
            $"  - {{ id: glass, resource: orders, who: {{ groups: [on-call] }}, break-glass: {{ duration: {duration}, review-within: {within}, from: {{ groups: [security] }} }} }}\n");
        Assert.Equal(warnings, reading.Problems.Count(p => p.Severity == ProblemSeverity.Warning && p.Message.StartsWith("`review-within` is shorter", StringComparison.Ordinal)));
    }
}
