using AccessPlane.Cli.Http;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>What a command asks for, and what of it is left when the command ends.</summary>
public sealed class AskingTests : IDisposable
{
    private const string TheRequest = "/v1/requests/01900000-0000-7000-8000-000000000001";
    private const string TheGrant = "/v1/grants/01900000-0000-7000-8000-000000000002";
    private const string Asks = "POST /v1/requests";
    private const string Withdraws = "POST " + TheRequest + "/cancel";
    private const string LooksAtTheRequest = "GET " + TheRequest;
    private const string LooksAtTheGrant = "GET " + TheGrant;
    private const string TakesATicket = "POST " + TheGrant + "/tickets";
    private const string GivesBack = "POST " + TheGrant + "/surrender";
    private static readonly DateTimeOffset Later = new(2126, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Erin = Actor.System("erin");
    private static readonly Scope Orders = new(["orders"], []);
    private readonly Around around = new();
    private readonly List<string> asked = [];

    public void Dispose() => around.Dispose();

    private static RequestShape Request(string state) => new(
        Guid.Parse(TheRequest[^36..]), state, "orders", "orders-write", Erin, TimeSpan.FromMinutes(20), null, null, [], 0, Later,
        state == "Approved" ? Guid.Parse(TheGrant[^36..]) : null, null, 1, null);

    private static GrantShape Grant(string state) => new(Guid.Parse(TheGrant[^36..]), state, "orders", "orders-write", Erin, Orders, Later, null, 10, [], null, null, Guid.Parse(TheRequest[^36..]), null);

    private static ResourcesShape Resources() => new(
        [new ResourceShape("orders", "postgresql", [new OfferShape("orders-write", Orders, TimeSpan.FromHours(2), false, null, true, false, [], 10)])]);

    /// <param name="filed">What the request is when it is filed.</param>
    /// <param name="found">What it is whenever it is looked at later.</param>
    /// <param name="interruptedAt">The call that runs when somebody presses Ctrl-C.</param>
    private Task<int> Run(string filed, string found, string? interruptedAt, params string[] arguments)
    {
        around.Variables["ACCESSPLANE_URL"] = "https://accessplane.example";
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        around.Clock = new Hurried();
        around.Network = new Answering(call =>
        {
            asked.Add(call);
            if (call == interruptedAt)
            {
                around.Interrupt();
            }
            return call switch
            {
                "GET /v1/resources" => Answering.With(Resources()),
                "GET /v1/grants" => Answering.With(new { items = Array.Empty<GrantShape>() }),
                Asks => Answering.With(Request(filed), 201),
                Withdraws => Answering.With(new { code = "request-closed", detail = $"the request is closed: it is {found}" }, 409),
                LooksAtTheRequest => Answering.With(Request(found)),
                LooksAtTheGrant => Answering.With(Grant("Approved")),
                TakesATicket => Answering.With(new { code = "not-in-these-tests", detail = "there is no agent" }, 409),
                GivesBack => Answering.With(Grant("Surrendered")),
                _ => throw new InvalidOperationException($"nobody was to ask for {call}"),
            };
        });
        return around.Run(arguments);
    }

    [Theory]
    [InlineData(Asks)]
    [InlineData(LooksAtTheGrant)]
    [InlineData(TakesATicket)]
    public async Task Exec_gives_back_what_it_asked_for_wherever_it_is_interrupted(string at)
    {
        Assert.Equal(Exit.Interrupted, await Run("Approved", "Approved", at, "exec", "orders", "--", "true"));
        Assert.Equal(GivesBack, asked[^1]);
        Assert.Contains("is given back", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exec", "orders", "--", "true")]
    [InlineData("connect", "orders")]
    [InlineData("request", "orders-write", "--wait")]
    public async Task Who_stops_waiting_keeps_nothing_where_an_approver_was_faster(params string[] arguments)
    {
        Assert.Equal(Exit.Interrupted, await Run("Submitted", "Approved", Asks, arguments));
        Assert.Equal([Withdraws, LooksAtTheRequest, GivesBack], asked.TakeLast(3));
        Assert.Contains("is given back", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_stops_waiting_for_what_was_denied_meanwhile_is_told_so()
    {
        Assert.Equal(Exit.Interrupted, await Run("Submitted", "Denied", Asks, "exec", "orders", "--", "true"));
        Assert.Equal(LooksAtTheRequest, asked[^1]);
        Assert.Contains("is denied", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_connect_was_granted_lives_on_though_it_is_interrupted()
    {
        Assert.Equal(Exit.Interrupted, await Run("Approved", "Approved", Asks, "connect", "orders"));
        Assert.Contains(Asks, asked);
        Assert.DoesNotContain(GivesBack, asked);
    }

    [Theory]
    [InlineData("exec", "orders", "--wait-at-most", "soon", "--", "true")]
    [InlineData("request", "orders-write", "--wait", "--wait-at-most", "soon")]
    [InlineData("request", "orders-write", "--wait-at-most", "soon")]
    public async Task What_cannot_be_meant_asks_for_nothing(params string[] arguments)
    {
        Assert.Equal(Exit.Usage, await Run("Approved", "Approved", null, arguments));
        Assert.DoesNotContain(Asks, asked);
    }

    [Fact]
    public async Task Exec_that_nobody_let_in_in_time_leaves_no_request_behind()
    {
        Assert.Equal(Exit.TimedOut, await Run("Submitted", "Cancelled", null, "exec", "orders", "--wait-at-most", "0s", "--", "true"));
        Assert.Single(asked, call => call == Withdraws);
        Assert.Contains("is taken back", around.Error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("goes on when it is approved", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Exec_that_was_let_in_too_late_leaves_no_grant_behind()
    {
        Assert.Equal(Exit.TimedOut, await Run("Submitted", "Approved", null, "exec", "orders", "--wait-at-most", "0s", "--", "true"));
        Assert.Equal([Withdraws, LooksAtTheRequest, GivesBack], asked.TakeLast(3));
    }

    [Theory]
    [InlineData("connect", "orders", "--wait-at-most", "0s")]
    [InlineData("request", "orders-write", "--wait", "--wait-at-most", "0s")]
    [InlineData("request", "orders-write", "--wait-at-most", "0s")]
    public async Task Somebody_who_will_come_back_leaves_the_request_to_be_approved(params string[] arguments)
    {
        Assert.Equal(Exit.TimedOut, await Run("Submitted", "Submitted", null, arguments));
        Assert.Contains(Asks, asked);
        Assert.DoesNotContain(Withdraws, asked);
        Assert.Contains("still waits", around.Error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exec", "orders", "--", "true")]
    [InlineData("connect", "orders")]
    [InlineData("request", "orders-write", "--wait")]
    public async Task A_request_that_expires_is_waited_for_too_long(params string[] arguments) =>
        Assert.Equal(Exit.TimedOut, await Run("Submitted", "Expired", null, arguments));
}
