using System.Text;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.SignIn;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>What a control plane answers, and the issuer that it trusts, which has one of everything under one id and does what it is told.</summary>
internal static class OneOfEach
{
    public const string Id = "01900000-0000-7000-8000-000000000001";
    public const string Policy = "version: 1\n";
    private const string Issuer = "https://idp.example";
    private static readonly Guid TheId = Guid.Parse(Id);
    private static readonly DateTimeOffset Later = new(2126, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly RequestShape Request = Any<RequestShape>() with { Id = TheId, State = "Approved", Entitlement = "orders-write", Resource = "orders", GrantId = TheId };
    private static readonly GrantShape Grant = Any<GrantShape>() with { Id = TheId, Request = TheId, State = "Active", Resource = "orders", Scope = new Scope(["orders"], []), ActivateBy = Later, MaxConnections = 1 };
    private static readonly SessionShape Session = Any<SessionShape>() with { Id = TheId, Agent = "an-agent" };
    private static readonly HoldShape Hold = Any<HoldShape>() with { Id = TheId, State = "Waiting", ExpiresAt = Later };
    private static readonly LockShape Lock = Any<LockShape>() with { Id = TheId, State = "Lifted", On = new LockTarget(Resource: "orders") };
    private static readonly ResourceShape Orders = new("orders", "postgresql", [Any<OfferShape>() with { Id = "orders-write" }]);

    public static HttpResponseMessage To(string call) => call.Replace(Id, "ID", StringComparison.Ordinal) switch
    {
        "GET /v1/sign-in" => Answering.With(new SignInTerms(Issuer, $"{Issuer}/metadata", "accessplane-cli", [], new Dictionary<string, string>())),
        "GET /metadata" => Answering.With(new IssuerMetadata(Issuer, $"{Issuer}/token", $"{Issuer}/device")),
        "POST /device" => Answering.With(new DeviceCode("a device", "ABCD-EFGH", $"{Issuer}/enter", null, 600, 1)),
        "POST /token" => Answering.With(new TokenAnswer("of somebody", null, 3600, null, null)),
        "GET /v1/resources" => Answering.With(new ResourcesShape([Orders])),
        "GET /v1/requests" => List(Request),
        "POST /v1/requests" => Answering.With(Request, 201),
        "GET /v1/requests/ID" or "POST /v1/requests/ID/reviews" or "POST /v1/requests/ID/cancel" => Answering.With(Request),
        "GET /v1/grants" => List(Grant),
        "GET /v1/grants/ID" or "POST /v1/grants/ID/revoke" or "POST /v1/grants/ID/surrender" or "POST /v1/grants/ID/reviews" => Answering.With(Grant),
        "POST /v1/grants/ID/tickets" => Answering.With(Any<TicketShape>() with { ExpiresAt = Later }, 201),
        "GET /v1/sessions" => List(Session),
        "GET /v1/sessions/ID" => Answering.With(Session),
        "POST /v1/sessions/ID/terminate" => Answering.With(Session, 202),
        "GET /v1/sessions/ID/transcript" or "GET /v1/sessions/ID/segments" => Text(""),
        "GET /v1/agents/an-agent" => Answering.With(new AgentsKeyShape(null, null)),
        "POST /v1/agents" => Answering.With(Any<InvitedShape>() with { ExpiresAt = Later }, 201),
        "GET /v1/holds" => List(Hold),
        "GET /v1/holds/ID" or "POST /v1/holds/ID/reviews" => Answering.With(Hold),
        "GET /v1/locks" => Answering.With(new LocksShape([Lock])),
        "POST /v1/locks" => Answering.With(Lock, 201),
        "DELETE /v1/locks/ID" => Answering.With(Lock),
        "GET /v1/policies/current" or "PUT /v1/policies" => Answering.With(Any<PolicyShape>() with { Version = 1, Text = Policy }),
        "POST /v1/policies/validate" => Answering.With(new PolicyCheckShape(true, [])),
        "POST /v1/policies/what-if" => Text("""{"progress":{"part":0.5,"operations":7}}""" + "\n" + """{"result":{"operations":7,"judged":7,"changed":0,"changes":[],"changesLeftOut":0}}""" + "\n"),
        "GET /v1/audit/operations" => List(Any<OperationShape>()),
        "GET /v1/audit/access" => Answering.With(Any<AccessShape>()),
        "GET /v1/audit/evidence" => Text("{}"),
        _ => throw new InvalidOperationException($"nobody was to ask for {call}"),
    };

    private static T Any<T>() => (T)Sample.Of(typeof(T));

    private static HttpResponseMessage List<T>(T one) => Answering.With(new { items = new[] { one } });

    private static HttpResponseMessage Text(string text) => new() { Content = new StringContent(text, Encoding.UTF8, "application/x-ndjson") };
}
