using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class JsonTests
{
    private static readonly Actor Someone = new("https://idp.example", "dba", "dba", ActorKind.AiAgent, [], new Dictionary<string, string>(), []);

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, Json.Options);
    private static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Json.Options)!;

    [Fact]
    public void A_member_that_is_null_is_left_out_and_read_back_as_null()
    {
        var json = Write(new RequestDenied(Someone, null));
        Assert.DoesNotContain("comment", json, StringComparison.Ordinal);
        Assert.Null(Read<RequestDenied>(json).Comment);
    }

    [Fact]
    public void A_member_that_cannot_be_null_must_be_there() => Assert.Throws<JsonException>(() => Read<GrantExpired>("{}"));

    [Fact]
    public void Kinds_are_kebab_case_times_utc_and_durations_ISO_8601()
    {
        Assert.Contains("\"kind\":\"ai-agent\"", Write(Someone), StringComparison.Ordinal);
        Assert.Equal("\"2026-01-31T11:00:00.123456Z\"", Write(DateTimeOffset.Parse("2026-01-31T12:00:00.1234567+01:00", null)));
        Assert.Equal("\"PT20M\"", Write(TimeSpan.FromMinutes(20)));
    }

    [Fact]
    public void What_was_stored_before_somebody_could_say_who_hides_columns_still_reads()
    {
        var terms = Read<ResourceTerms>("""{"id":"orders","kind":"postgresql","freezeAfter":"PT10S","killAfter":"PT5M","evidence":"buffered"}""");
        Assert.Equal(MaskingMode.Wire, terms.Masking);
        Assert.Equal(MaskingMode.Server, Read<ResourceTerms>(Write(terms with { Masking = MaskingMode.Server })).Masking);
        var narrowed = Read<GrantNarrowed>(
            """{"notAfter":"2026-01-31T12:00:00Z","scope":{"databases":[],"statements":[]},"maxConnections":1,"tokenLogin":{"kinds":[],"once":false},"policyVersion":1,"why":""}""");
        Assert.Null(narrowed.Login);
        var start = """{"session":"0199aaaa-0000-7000-8000-000000000001","grant":"0199aaaa-0000-7000-8000-000000000001","entitlement":"read","resource":"orders","agent":"a",""" +
            $$"""
            "number":1,"holder":{{Write(Someone)}},"database":"orders","client":"","application":"","login":"token","policy":1,"server":"15"}
            """;
        Assert.Null(JsonSerializer.Deserialize<SessionStart>(start, Json.Untrusted)!.DatabaseLogin);
    }

    [Theory]
    [InlineData("\"20 minutes\"")]
    [InlineData("20")]
    [InlineData("null")]
    [InlineData("\"\"")]
    public void What_is_not_a_duration_is_refused(string json) => Assert.Throws<JsonException>(() => Read<TimeSpan>(json));
}
