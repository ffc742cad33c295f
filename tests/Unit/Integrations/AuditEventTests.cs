using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.Integrations;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Integrations;

/// <summary>Every event there is becomes a CloudEvent with a valid OCSF event in it.</summary>
public sealed class AuditEventTests
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");

    /// <summary>Activities of the classes that are used, as https://schema.ocsf.io/1.3.0 has them.</summary>
    private static readonly Dictionary<int, string[]> Activities = new()
    {
        [3002] = ["Logon", "Logoff", "Authentication Ticket", "Service Ticket Request", "Service Ticket Renew"],
        [3003] = ["Assign Privileges", "Assign Groups"],
        [3004] = ["Create", "Read", "Update", "Delete"],
        [3005] = ["Assign Privileges", "Revoke Privileges"],
        [6005] = ["Read", "Update", "Connect", "Query", "Write", "Create", "Delete"],
    };

    /// <summary>What each class requires beside what all do.</summary>
    private static readonly Dictionary<int, string[]> Required = new()
    {
        [0] = [],
        [3002] = ["user", "service"],
        [3003] = ["user", "privileges"],
        [3004] = ["entity"],
        [3005] = ["user", "privileges"],
        [6005] = ["actor", "src_endpoint", "database"],
    };

    /// <summary>Of which nothing in OCSF fits: they are told as base events. The list may only get shorter, or longer by new events.</summary>
    private static readonly string[] Unmapped =
    [
        "agent_clone_found", "agent_returned", "agent_silent", "delivery_given_up", "detector_hit", "evidence_checkpointed", "evidence_gap_found", "log_rollback_acknowledged",
        "log_rollback_found", "log_rollback_witnessed", "resource_catalog_reported", "resource_masking_reported", "revocation_acknowledged",
    ];

    public static TheoryData<string> Names => [.. EventNames.All.Order()];

    private static JsonElement Told(IEvent e, bool transcripts = false) => JsonSerializer.Deserialize<JsonElement>(
        new AuditEvent("https://accessplane.example", transcripts).Of(
            new Stored(42, Id, 3, Id, World.Noon, new EventContext(People.Assistant, Id, null, 7, ["rule"]), e), 41).ToBytes());

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_event_is_a_cloud_event_with_an_ocsf_event_in_it(string name)
    {
        var told = Told((IEvent)Sample.Of(EventNames.TypeOf(name)!));
        Assert.Equal(("1.0", Id.ToString("D"), $"accessplane.audit.{name}", "42", "41"), (
            told.GetProperty("specversion").GetString(), told.GetProperty("id").GetString(), told.GetProperty("type").GetString(), told.GetProperty("position").GetString(),
            told.GetProperty("previous").GetString()));
        Assert.Equal("https://accessplane.example", told.GetProperty("source").GetString());
        Assert.All(told.EnumerateObject(), a => Assert.Matches("^[a-z0-9]{1,20}$", a.Name));

        var ocsf = told.GetProperty("data");
        var (of, activity) = (ocsf.GetProperty("class_uid").GetInt32(), ocsf.GetProperty("activity_id").GetInt32());
        Assert.Equal((of / 1000, (of * 100) + activity), (ocsf.GetProperty("category_uid").GetInt32(), ocsf.GetProperty("type_uid").GetInt32()));
        Assert.Equal("1.3.0", ocsf.GetProperty("metadata").GetProperty("version").GetString());
        Assert.Equal("AccessPlane", ocsf.GetProperty("metadata").GetProperty("product").GetProperty("name").GetString());
        Assert.Equal(World.Noon.ToUnixTimeMilliseconds(), ocsf.GetProperty("time").GetInt64());
        Assert.InRange(ocsf.GetProperty("severity_id").GetInt32(), 1, 5);
        Assert.Equal(of == 0 ? "Other" : Activities[of][activity - 1], ocsf.GetProperty("activity_name").GetString());
        Assert.All(Required[of], member => Assert.True(ocsf.TryGetProperty(member, out var value) && Says(value), member));
        Assert.Equal(Unmapped.Contains(name), of == 0);
        Assert.Equal((name, 3, 41), (ocsf.GetProperty("unmapped").GetProperty("type").GetString(), ocsf.GetProperty("unmapped").GetProperty("version").GetInt32(), ocsf.GetProperty("unmapped").GetProperty("previous").GetInt32()));
    }

    /// <summary>An object or a list with something in it, or a value that is one.</summary>
    private static bool Says(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => value.EnumerateObject().Any(),
        JsonValueKind.Array => value.EnumerateArray().Any(),
        JsonValueKind.String => value.GetString()!.Length > 0,
        JsonValueKind.Null or JsonValueKind.Undefined => false,
        _ => true,
    };

    [Fact]
    public void The_delegation_chain_is_told() => Assert.Equal(
        "assistant", Told(new LockLifted(Id, null, "x")).GetProperty("data").GetProperty("unmapped").GetProperty("actor").GetProperty("act")[0].GetProperty("name").GetString());

    [Fact]
    public void What_only_the_product_has_a_use_for_is_named_and_withheld()
    {
        Assert.Equal("(withheld)", DataOf(Told(new TicketIssued("t_1", "a", "SCRAM-SHA-256$secret", 1, World.Noon, "orders"))).GetProperty("verifier").GetString());
        Assert.Equal("(withheld)", DataOf(Told(new AgentInvited("a", [], "hash", World.Noon, People.Admin))).GetProperty("tokenHash").GetString());
        Assert.Equal("(withheld)", DataOf(Told(new ApproverAdded("a", [], Id, People.Admin))).GetProperty("credential").GetString());
    }

    [Fact]
    public void Transcripts_are_told_where_that_was_asked_for()
    {
        var recorded = new TranscriptRecorded(Id, "a", 1, 1, 1, "", "", false, "{\"text\":\"SELECT 1\"}\n", "");
        Assert.Equal("(withheld)", DataOf(Told(recorded)).GetProperty("entries").GetString());
        Assert.Contains("SELECT 1", DataOf(Told(recorded, transcripts: true)).GetProperty("entries").GetString(), StringComparison.Ordinal);
    }

    private static JsonElement DataOf(JsonElement told) => told.GetProperty("data").GetProperty("unmapped").GetProperty("data");
}
