using System.Net;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>A command that was sent, and of which nothing is heard: it may be done, or not. Under its key it is done once, however often it comes.</summary>
public sealed class LostAnswerTests : IDisposable
{
    private const string Id = OneOfEach.Id;
    private const string Policy = "{policy}";
    private readonly Around around = new() { Clock = new Hurried() };
    private readonly string policy = Path.GetTempFileName();

    public void Dispose()
    {
        around.Dispose();
        File.Delete(policy);
    }

    /// <summary>Runs a command while answers to what changes something are lost.</summary>
    /// <param name="losses">How many.</param>
    private async Task<(int Status, List<(string Call, string? Key, string Body)> Posts)> Run(int losses, Func<HttpResponseMessage> lost, params string[] arguments)
    {
        around.Variables["ACCESSPLANE_URL"] = "https://accessplane.example";
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        var network = new Answering(call => !call.StartsWith("GET ", StringComparison.Ordinal) && losses-- > 0 ? lost() : OneOfEach.To(call));
        around.Network = network;
        await File.WriteAllTextAsync(policy, OneOfEach.Policy, TestContext.Current.CancellationToken);
        return (await around.Run([.. arguments.Select(a => a == Policy ? policy : a)]), network.Came.FindAll(c => !c.Call.StartsWith("GET ", StringComparison.Ordinal)));
    }

    private static HttpResponseMessage Torn() => throw new HttpRequestException(HttpRequestError.ResponseEnded, "the connection was torn");

    private static HttpResponseMessage Refused(HttpRequestError why) => throw new HttpRequestException(why, "nobody listens there");

    private static HttpResponseMessage Says(int status, string code) => Answering.With(new { code, detail = "it is so" }, status);

    [Theory]
    [InlineData("request", "orders-write")]
    [InlineData("approve", Id)]
    [InlineData("deny", Id)]
    [InlineData("cancel", Id)]
    [InlineData("revoke", Id)]
    [InlineData("surrender", Id)]
    [InlineData("terminate", Id)]
    [InlineData("holds", "release", Id)]
    [InlineData("holds", "refuse", Id)]
    [InlineData("lock", "--resource", "orders", "--reason", "a test", "--for", "10m")]
    [InlineData("unlock", Id)]
    [InlineData("policy", "publish", Policy)]
    [InlineData("policy", "publish", Policy, "--after", "1")]
    [InlineData("agent", "enroll", "an-agent", "--resource", "orders")]
    [InlineData("connect", "orders", "--print")]
    public async Task A_command_whose_answer_is_lost_comes_again_as_the_same_and_succeeds(params string[] arguments)
    {
        var (exit, posts) = await Run(1, Torn, arguments);
        Assert.True(exit == Exit.Ok, around.Error.ToString());
        Assert.Equal(2, posts.Count);
        Assert.NotNull(posts[0].Key);
        Assert.Equal(posts[0], posts[1]);
        Assert.DoesNotContain("it may have been done", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("torn")]
    [InlineData("torn halfway")]
    [InlineData("too late")]
    [InlineData("nobody listens")]
    [InlineData("502")]
    [InlineData("503")]
    [InlineData("504")]
    public async Task There_are_many_ways_to_lose_one(string how)
    {
        var (exit, posts) = await Run(
            2,
            () => how switch
            {
                "torn" => Torn(),
                "torn halfway" => new HttpResponseMessage(HttpStatusCode.Created) { Content = new Half() },
                "too late" => throw new TaskCanceledException("it took too long", new TimeoutException()),
                "nobody listens" => Refused(HttpRequestError.ConnectionError),
                _ => new HttpResponseMessage(Enum.Parse<HttpStatusCode>(how)),
            },
            "request", "orders-write");
        Assert.True(exit == Exit.Ok, around.Error.ToString());
        Assert.Equal(3, posts.Count);
        Assert.Single(posts.Distinct());
    }

    [Theory]
    [InlineData(403, "self-review", Exit.Refused)]
    [InlineData(409, "request-closed", Exit.Refused)]
    [InlineData(404, "no-such-request", Exit.NotFound)]
    [InlineData(422, "reason-required", Exit.Usage)]
    [InlineData(500, "internal", Exit.Unreachable)]
    public async Task What_was_answered_is_not_asked_again(int status, string code, int exit)
    {
        var (ended, posts) = await Run(1, () => Says(status, code), "approve", Id);
        Assert.Equal(exit, ended);
        Assert.Single(posts);
    }

    [Theory]
    [InlineData("accessplane requests", "request", "orders-write")]
    [InlineData("accessplane requests", "approve", Id)]
    [InlineData("accessplane grants --all", "revoke", Id)]
    [InlineData("accessplane sessions", "terminate", Id)]
    [InlineData("accessplane holds --all", "holds", "release", Id)]
    [InlineData("accessplane locks", "lock", "--resource", "orders", "--reason", "a test")]
    [InlineData("accessplane locks", "unlock", Id)]
    [InlineData("accessplane policy show", "policy", "publish", Policy)]
    public async Task Who_gives_up_says_that_it_may_be_done_and_what_shows_it(string shows, params string[] arguments)
    {
        var (exit, posts) = await Run(int.MaxValue, Torn, arguments);
        Assert.Equal(Exit.Unreachable, exit);
        Assert.Equal(4, posts.Count);
        Assert.Single(posts.Distinct());
        Assert.Contains($"it may have been done all the same: `{shows}` shows it", around.Error.ToString(), StringComparison.Ordinal);

        // and that is a command which there is
        around.Network = new Answering(OneOfEach.To);
        Assert.Equal(Exit.Ok, await around.Run(shows.Split(' ')[1..]));
    }

    [Fact]
    public async Task What_was_never_sent_is_not_said_to_be_done()
    {
        var (exit, posts) = await Run(int.MaxValue, () => Refused(HttpRequestError.ConnectionError), "request", "orders-write");
        Assert.Equal((Exit.Unreachable, 4), (exit, posts.Count));
        Assert.DoesNotContain("it may have been done", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_ends_the_trying()
    {
        var (exit, posts) = await Run(
            int.MaxValue,
            () =>
            {
                around.Interrupt();
                return Torn();
            },
            "approve", Id);
        Assert.Equal(Exit.Interrupted, exit);
        Assert.Single(posts);
    }

    /// <summary>A gateway may name an hour: nobody at a terminal means to wait for it in silence.</summary>
    [Fact]
    public async Task Who_is_told_to_come_back_much_later_is_not_kept()
    {
        var later = Says(503, "log-unavailable");
        later.Headers.Add("Retry-After", "3600");
        var (exit, posts) = await Run(1, () => later, "approve", Id).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.Equal(Exit.Unreachable, exit);
        Assert.Single(posts);
    }

    /// <summary>A secret is told once, and it was in the answer that was lost: another takes its place, as another command.</summary>
    [Theory]
    [InlineData("agent-already-invited", "agent", "enroll", "an-agent", "--resource", "orders")]
    [InlineData("ticket-already-issued", "connect", "orders", "--print")]
    public async Task A_secret_that_was_lost_is_asked_for_anew(string code, params string[] arguments)
    {
        var came = 0;
        var (exit, posts) = await Run(2, () => came++ == 0 ? Torn() : Says(409, code), arguments);
        Assert.True(exit == Exit.Ok, around.Error.ToString());
        Assert.Equal(3, posts.Count);
        Assert.Equal(posts[0].Key, posts[1].Key);
        Assert.NotEqual(posts[1].Key, posts[2].Key);
    }

    /// <summary>An answer that breaks off behind its head.</summary>
    private sealed class Half : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => throw new IOException("the connection was torn");

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
