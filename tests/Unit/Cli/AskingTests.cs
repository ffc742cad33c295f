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

    private static GrantShape Grant(string state) => new(Guid.Parse(TheGrant[^36..]), state, "orders", "orders-write", Erin, Orders, Later, null, 10, [], null, null);

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
    public async Task What_cannot_be_meant_asks_for_nothing(params string[] arguments)
    {
        Assert.Equal(Exit.Usage, await Run("Approved", "Approved", null, arguments));
        Assert.DoesNotContain(Asks, asked);
    }

    [Theory]
    [InlineData("exec", "orders", "--", "true")]
    [InlineData("connect", "orders")]
    [InlineData("request", "orders-write", "--wait")]
    public async Task A_request_that_expires_is_waited_for_too_long(params string[] arguments) =>
        Assert.Equal(Exit.TimedOut, await Run("Submitted", "Expired", null, arguments));
}
