using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>
/// Who owns the database and holds the control plane's key can tell another story of a held operation. The agent has signed what ran and who it was told had
/// released it.
/// </summary>
public sealed class ReleasedOperationsTests : IDisposable
{
    private const string Text = "delete from shop.orders where id = $1 and note is not distinct from $2 and hash = $3";
    private static readonly Guid Hold = new("0199aaaa-0000-7000-8000-000000000601");
    private static readonly Guid Review = new("0199aaaa-0000-7000-8000-000000000602");
    private static readonly Who From = Who.Nobody with { Groups = ["dba"] };
    private readonly MadeEvidence made = new();
    private readonly MadeSession session;

    public ReleasedOperationsTests() => session = new MadeSession(made, 1);

    public void Dispose() => made.Dispose();

    private HeldOperation Asked => new(
        Hold, session.Id, MadeEvidence.Grant, 1, "orders", "orders", "app", "extended", "127.0.0.1:5", Text, HashOf(Text),
        [new HeldParameter(23, "7", null), new HeldParameter(null, null, null), new HeldParameter(17, null, "AAAABw==")], "T", new StatementFacts(["delete"], 1), 60, "bulk",
        [new Reason("bulk", Effect.Hold, "somebody must look at it first")], 1, new HoldTerms(From, 1, TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1)), "b1",
        World.Noon.AddMinutes(1), 1);

    private static HoldReviewGiven Approved => new(Review, People.Dba, ReviewVerdict.Approve, "the ticket names it");
    private static HoldReleased Released => new([People.Dba.Key], People.Dba.Display);

    private static string HashOf(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static OperationHeld Held(HeldOperation operation, int count = 1) =>
        new(Hold, MadeEvidence.Agent, People.Engineer, "orders-write", operation, From, count, World.Noon.AddMinutes(1));

    /// <summary>What the verifier says of this story; what the agent signed is the same each time.</summary>
    private async Task<OfflineVerifier.Said> Tell(params IEvent[] story)
    {
        foreach (var e in story)
        {
            made.Append(Hold, e);
        }
        JsonElement[] bound = [JsonSerializer.SerializeToElement("7"), JsonSerializer.SerializeToElement<string?>(null), JsonSerializer.SerializeToElement(new { base64 = "AAAABw==" })];
        session.Seals(
            null,
            new TranscriptEntry(0, World.Noon, "statement", Op: 1, Protocol: "extended", Text: Text, Params: bound, Statements: ["delete"], Effect: Effect.Hold, Policy: 1),
            new TranscriptEntry(0, World.Noon, "hold", Op: 1, Hold: Hold, Until: World.Noon.AddMinutes(1)));
        session.Seals(
            null,
            new TranscriptEntry(0, World.Noon, "hold-ended", Op: 1, Outcome: "released", Hold: Hold, By: People.Dba.Display),
            new TranscriptEntry(0, World.Noon, "result", Op: 1, Outcome: "completed", Status: "T", Rows: 1, Tag: "DELETE 1"));
        session.Ends();
        return await OfflineVerifier.Verify(made.Pack().Sealed());
    }

    [Fact]
    public async Task What_ran_is_what_was_released_by_those_who_released_it()
    {
        var said = await Tell(Held(Asked), Approved, Released);
        said.IsRight();
        Assert.Contains("1 requests, 2 reviews, 1 grants, 1 sessions with 1 operations in 6 entries", said.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("statement", "what ran is not the statement that was released")]
    [InlineData("hash", "what ran is not the statement that was released")]
    [InlineData("value", "what ran was bound to other values than what was released")]
    [InlineData("number", "the hold .* is of another operation")]
    [InlineData("reviewer", "its agent was told that dba released it, and the log says dba2")]
    [InlineData("release", "its agent was told that dba released it, and the log does not say so")]
    [InlineData("approval", "those who approved it are not those who released it")]
    [InlineData("lapse", "those who approved it are not those who released it")]
    [InlineData("denial", "those who approved it are not those who released it")]
    [InlineData("count", "those who approved it are not those who released it")]
    [InlineData("identity", "those who approved it are not those who released it")]
    [InlineData("hold", "the hold .*, from which it was released, is missing")]
    public async Task Another_story_of_it_is_not_believed(string changed, string found)
    {
        const string Other = "delete from shop.orders where id = $1 and note = $2 and hash = $3";
        IEvent[] story = changed switch
        {
            "statement" => [Held(Asked with { Text = Other, TextHash = HashOf(Other) }), Approved, Released],
            "hash" => [Held(Asked with { TextHash = HashOf(Other) }), Approved, Released],
            "value" => [Held(Asked with { Parameters = [new HeldParameter(23, "8", null), .. Asked.Parameters.Skip(1)] }), Approved, Released],
            "number" => [Held(Asked with { Op = 2 }), Approved, Released],
            "reviewer" => [Held(Asked), Approved with { Reviewer = People.Dba2 }, new HoldReleased([People.Dba2.Key], People.Dba2.Display)],
            "release" => [Held(Asked), Approved],
            "approval" => [Held(Asked), Released],
            "lapse" => [Held(Asked), Approved, new HoldReviewLapsed(Review, People.Dba.Key, "not an approver any more"), Released],
            "denial" => [Held(Asked), Approved with { Verdict = ReviewVerdict.Deny }, Released],
            "count" => [Held(Asked, count: 2), Approved, Released],
            "identity" => [Held(Asked), Approved with { Reviewer = People.Dba with { Subject = "somebody" } }, Released],
            _ => [],
        };
        (await Tell(story)).IsWrong($"session {session.Id}, operation 1: {found}");
    }
}
