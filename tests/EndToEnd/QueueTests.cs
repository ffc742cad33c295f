using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>Answers by queue that must change nothing, and are told so.</summary>
public sealed class QueueTests(TestWorld world)
{
    [Fact]
    public async Task Stale_forged_self_approving_and_malformed_answers_change_nothing_and_are_told_so()
    {
        await using var dba = await Approver.Listens(world, "dba", "dba");
        var request = (await world.Api.Post("engineer", "/v1/requests", new { entitlement = "orders-write", duration = "PT20M", reason = "a wrong total" })).Is(201).Text("id");
        var version = (await dba.HearsOf(request)).GetProperty("expectedVersion").GetInt64();
        object Review(string token, long? expected = null, string? id = null) =>
            new { kind = "request", id = id ?? request, expectedVersion = expected ?? version, verdict = "approve", token };

        var theirs = await world.Api.NewToken("dba", "accessplane-reviews");
        await Refused(dba, Review(theirs, version - 1), "stale");
        await Refused(dba, Review(theirs, id: Guid.CreateVersion7().ToString()), "unknown request");
        await Refused(dba, Review(theirs[..^8] + "AAAAAAAA"), "forged signature");
        await Refused(dba, Review(await world.Api.NewToken("dba", "accessplane")), "a token for something else");
        await Refused(dba, Review(await world.Api.NewToken("engineer", "accessplane-reviews")), "by the requester");
        await Refused(dba, Review(await world.Api.NewToken("ci", "accessplane-reviews")), "by a workload that the requester owns");
        await Refused(dba, Review(await world.Api.NewToken("security", "accessplane-reviews")), "by somebody who is no approver of this step");
        await Refused(dba, new { kind = "request", id = request, expectedVersion = version, verdict = "maybe", token = theirs }, "no verdict");
        await Refused(dba, new { what = "ever" }, "not a review");
        Assert.Equal("Submitted", (await world.Api.Get("engineer", $"/v1/requests/{request}")).Is(200).Text("state"));

        var token = await world.Api.NewToken("dba", "accessplane-reviews");
        await dba.Sends(Review(token));
        Assert.Equal("Approved", (await world.Api.Get("engineer", $"/v1/requests/{request}")).Is(200).Text("state"));
        await Refused(dba, Review(token), "the same token again");
        await Refused(dba, Review(await world.Api.NewToken("dba2", "accessplane-reviews")), "when all is decided");
    }

    private static async Task Refused(Approver approver, object review, string why)
    {
        var outcome = await approver.Sends(review);
        Assert.True(outcome.TryGetProperty("code", out var code) && code.GetString() is { Length: > 0 }, $"{why}: it was not refused: {outcome}");
    }
}
