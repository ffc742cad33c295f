using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>What the API does for those whom it does not know yet, and what it tells browsers and caches.</summary>
public sealed class HardeningTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A caller from another address of this machine.</summary>
    private static HttpClient From(ControlPlaneHost host, string address, string? token)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancel) =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
                await socket.ConnectAsync(context.DnsEndPoint, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        {
            BaseAddress = host.Address,
        };
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
        return client;
    }

    private static string Token(ControlPlaneHost host) => host.Issuer.Token("engineer", TimeProvider.System.GetUtcNow(), "engineering");

    private static async Task<int> Look(HttpClient client, Action<HttpRequestMessage>? more = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/requests?limit=1");
        more?.Invoke(request);
        using var answer = await client.SendAsync(request, Cancel);
        return (int)answer.StatusCode;
    }

    [Fact]
    public async Task A_burst_of_bad_tokens_from_one_address_is_turned_away_unread_and_costs_no_other_address_a_call()
    {
        await using var host = await ControlPlaneHost.Start(settings: ["--Limits:PerAddress=1", "--Limits:PerAddressBurst=20", "--Limits:OverallBurst=60", "--Limits:Overall=1"]);
        using var attacker = From(host, "127.0.0.2", "no.token.atall");
        using var person = From(host, "127.0.0.3", Token(host));
        var took = Stopwatch.StartNew();
        var burst = Enumerable.Range(0, 300).Select(_ => Look(attacker)).ToList();
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(200, await Look(person));
        }
        var answers = await Task.WhenAll(burst);
        // each second of it lets one more call through
        Assert.InRange(answers.Count(a => a == 401), 20, 22 + (int)took.Elapsed.TotalSeconds);
        Assert.Equal(300, answers.Count(a => a is 401 or 429));
        Assert.Equal(200, await Look(person));

        var more = await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => attacker.GetAsync(new Uri("/v1/requests", UriKind.Relative), Cancel)));
        var refused = more.First(a => (int)a.StatusCode == 429);
        Assert.Equal("application/problem+json", refused.Content.Headers.ContentType?.MediaType);
        Assert.InRange(int.Parse(Assert.Single(refused.Headers.GetValues("Retry-After")), CultureInfo.InvariantCulture), 1, 10);
        var problem = JsonSerializer.Deserialize<JsonElement>(await refused.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("too-many-calls", problem.GetProperty("code").GetString());
        Assert.Contains("try again", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        // nobody restarts the product because of it
        Assert.Equal(HttpStatusCode.OK, (await attacker.GetAsync(new Uri("/health/live", UriKind.Relative), Cancel)).StatusCode);
    }

    [Fact]
    public async Task Many_addresses_together_meet_the_bound_of_all()
    {
        await using var host = await ControlPlaneHost.Start(settings: ["--Limits:PerAddressBurst=20", "--Limits:OverallBurst=30", "--Limits:Overall=1"]);
        var (answers, took) = (new List<int>(), Stopwatch.StartNew());
        for (var i = 0; i < 5; i++)
        {
            using var client = From(host, $"127.0.1.{i + 1}", null);
            answers.AddRange(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Look(client))));
        }
        Assert.InRange(answers.Count(a => a == 401), 30, 32 + (int)took.Elapsed.TotalSeconds);
        Assert.Equal(100, answers.Count(a => a is 401 or 429));
    }

    [Fact]
    public async Task Behind_a_trusted_proxy_callers_count_by_their_own_address_and_nobody_else_can_claim_one()
    {
        await using var host = await ControlPlaneHost.Start(settings: ["--Limits:PerAddress=1", "--Limits:PerAddressBurst=5", "--Limits:TrustedProxies:0=127.0.0.1"]);
        using var proxy = From(host, "127.0.0.1", Token(host));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(200, await Look(proxy, r => r.Headers.Add("X-Forwarded-For", $"203.0.113.{i}")));
        }
        using var liar = From(host, "127.0.0.9", Token(host));
        var answers = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            answers.Add(await Look(liar, r => r.Headers.Add("X-Forwarded-For", $"198.51.100.{i}")));
        }
        Assert.Contains(429, answers);

        using var secure = await proxy.SendAsync(Forwarded("203.0.113.77"), Cancel);
        Assert.StartsWith("max-age=31536000", Assert.Single(secure.Headers.GetValues("Strict-Transport-Security")), StringComparison.Ordinal);
        using var claimed = await liar.SendAsync(Forwarded("203.0.113.78"), Cancel);
        Assert.False(claimed.Headers.Contains("Strict-Transport-Security"));

        static HttpRequestMessage Forwarded(string from)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "/v1/requests");
            request.Headers.Add("X-Forwarded-For", from);
            request.Headers.Add("X-Forwarded-Proto", "https");
            return request;
        }
    }

    [Theory]
    [InlineData("GET", "/v1/requests", 200)]
    [InlineData("GET", "/v1/nothing", 404)]
    [InlineData("GET", "/v1/audit/events", 403)]
    [InlineData("DELETE", "/v1/requests", 405)]
    [InlineData("GET", "/v1/requests?what=1", 422)]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/health/ready", 200)]
    [InlineData("GET", "/openapi/v1.json", 200)]
    [InlineData("GET", "/docs/index.html", 200)]
    public async Task Every_answer_tells_browsers_to_guess_frame_script_and_keep_nothing(string method, string path, int status)
    {
        using var client = plane.Host.Client("engineer", "engineering");
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var answer = await client.SendAsync(request, Cancel);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal("nosniff", Header("X-Content-Type-Options"));
        Assert.Equal("DENY", Header("X-Frame-Options"));
        Assert.Equal("no-referrer", Header("Referrer-Policy"));
        Assert.Contains("default-src 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", Header("Content-Security-Policy"), StringComparison.Ordinal);
        Assert.Equal(path.StartsWith("/docs", StringComparison.Ordinal), Header("Content-Security-Policy")!.Contains("script-src 'self'", StringComparison.Ordinal));
        Assert.Equal(path.StartsWith("/v1", StringComparison.Ordinal), answer.Headers.CacheControl?.NoStore ?? false);
        Assert.False(answer.Headers.Contains("Server"));
        Assert.False(answer.Headers.Contains("X-Powered-By"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security")); // it would be ignored, and this is not https

        string? Header(string name) => answer.Headers.TryGetValues(name, out var values) ? Assert.Single(values) : null;
    }

    [Fact]
    public async Task The_page_that_shows_the_api_needs_no_script_but_its_own()
    {
        using var client = plane.Host.Client();
        var page = await client.GetStringAsync(new Uri("/docs/index.html", UriKind.Relative), Cancel);
        var scripts = System.Text.RegularExpressions.Regex.Matches(page, "<script[^>]*>").Select(m => m.Value).ToList();
        Assert.NotEmpty(scripts);
        Assert.All(scripts, s => Assert.Matches("src=\"(\\./)?[a-z-]+\\.js\"", s));
        Assert.DoesNotContain("onclick", page, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_body_may_be_as_large_as_its_call_needs_it()
    {
        using var engineer = plane.Host.Client("engineer", "engineering");
        using var admin = plane.Host.Client("admin", "admins");
        var json = "{\"entitlement\":\"orders-read\",\"reason\":\"x\"}";
        Assert.Equal(201, await Send(engineer, HttpMethod.Post, "/v1/requests", json.PadRight(64 * 1024), "application/json"));
        Assert.Equal(413, await Send(engineer, HttpMethod.Post, "/v1/requests", json.PadRight(64 * 1024 + 1), "application/json"));
        var policy = SharedControlPlane.Policy + "\n#";
        Assert.Equal(200, await Send(admin, HttpMethod.Put, "/v1/policies", policy.PadRight(1024 * 1024, 'x'), "application/yaml"));
        Assert.Equal(200, await Send(engineer, HttpMethod.Post, "/v1/policies/validate", policy.PadRight(1024 * 1024, 'x'), "application/yaml"));
        Assert.Equal(413, await Send(admin, HttpMethod.Put, "/v1/policies", policy.PadRight(1024 * 1024 + 1, 'x'), "application/yaml"));

        static async Task<int> Send(HttpClient client, HttpMethod method, string path, string body, string type)
        {
            using var request = new HttpRequestMessage(method, path) { Content = new StringContent(body, MediaTypeHeaderValue.Parse(type)) };
            request.Headers.ExpectContinue = true; // it is refused by its length, before it is sent
            using var answer = await client.SendAsync(request, Cancel);
            if ((int)answer.StatusCode == 413)
            {
                Assert.Contains($"the {(type == "application/yaml" ? 1024 : 64) * 1024} bytes", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
            }
            return (int)answer.StatusCode;
        }
    }

    [Fact]
    public async Task Who_sends_all_of_a_body_that_is_too_large_before_they_listen_is_told_so_all_the_same()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(plane.Host.Address.Host, plane.Host.Address.Port, Cancel);
        var stream = client.GetStream();
        var body = new string(' ', 6 * 1024 * 1024); // more than two sockets hold between them
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Token(plane.Host)}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"),
            Cancel);
        using var reader = new StreamReader(stream);
        Assert.StartsWith("HTTP/1.1 413", await reader.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_sends_headers_or_a_body_slowly_is_not_waited_for()
    {
        await using var host = await ControlPlaneHost.Start(settings: ["--Limits:Headers=00:00:01", "--Limits:Idle=00:00:01"]);
        string[] starts =
        [
            "", // says nothing at all
            "GET /v1/requests HTTP/1.1\r\nHost: x\r\nX-Slow: ",
            $"POST /v1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Token(host)}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{",
        ];
        var took = Stopwatch.StartNew();
        var answers = await Task.WhenAll(starts.Select(async start =>
        {
            using var client = new TcpClient();
            await client.ConnectAsync(host.Address.Host, host.Address.Port, Cancel);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(start), Cancel);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            patience.CancelAfter(TimeSpan.FromSeconds(90));
            return await UntilClosed(stream, patience.Token);
        }));
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(30));
        Assert.Equal("", answers[0]);
        Assert.StartsWith("HTTP/1.1 408", answers[1], StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 408", answers[2], StringComparison.Ordinal);
        Assert.Contains("too-slow", answers[2], StringComparison.Ordinal);

        static async Task<string> UntilClosed(NetworkStream stream, CancellationToken cancel)
        {
            var (said, buffer) = (new StringBuilder(), new byte[4096]);
            try
            {
                while (await stream.ReadAsync(buffer, cancel) is > 0 and var read)
                {
                    said.Append(Encoding.ASCII.GetString(buffer, 0, read));
                }
            }
            catch (IOException reset) when (reset.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
            {
                // closed without waiting for the rest: as good as a goodbye
            }
            return said.ToString();
        }
    }

    [Theory]
    [InlineData("Identity:Isuers:0:Issuer", "Isuers")]
    [InlineData("Identity:Issuers:0:GroupClaim", "GroupClaim")]
    [InlineData("Roles:Admin:0", "Admin")]
    [InlineData("Limits:PerAdress", "PerAdress")]
    [InlineData("Console:ClientIdd", "ClientIdd")]
    [InlineData("CommandLine:Client", "Client")]
    [InlineData("Integrations:Destination:ops:Kind", "Destination")]
    public void Nothing_starts_with_a_name_that_is_not_known(string name, string unknown)
    {
        var wrong = Assert.Throws<OptionsValidationException>(() => AccessPlane.ControlPlane.Program.Compose([$"--{name}=x", "--ConnectionStrings:Log=Host=nowhere", "--Broker:Uri=amqp://nowhere"]));
        var line = Assert.Single(wrong.Failures);
        Assert.Equal($"`{name.Split(':')[0]}`: `{unknown}` is not known", line);
    }

    [Theory]
    [InlineData("Limits:PerAddress")]
    [InlineData("Console:SignInFor")]
    public void A_value_that_is_none_is_told_by_the_name_that_it_was_given_to(string name) => Assert.Equal(
        [$"`{name}` is set to something that it cannot be"],
        Assert.Throws<OptionsValidationException>(() => AccessPlane.ControlPlane.Program.Compose([$"--{name}=a lot"])).Failures);

    [Theory]
    [InlineData("--Limits:PerAddress=0")]
    [InlineData("--Limits:TrustedProxies:0=everybody")]
    [InlineData("--Limits:OverallBurst=10")]
    [InlineData("--Limits:Body=10000000")]
    public void Nothing_starts_with_limits_that_make_no_sense(string setting) =>
        Assert.NotEmpty(Assert.Throws<FluentValidation.ValidationException>(() => AccessPlane.ControlPlane.Program.Compose([setting])).Errors);
}
