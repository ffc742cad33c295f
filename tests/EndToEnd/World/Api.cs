using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>An answer of the API.</summary>
internal sealed record Answer(int Status, JsonElement Body)
{
    public string Text(string name) => Body.GetProperty(name).GetString()!;

    public Answer Is(int status)
    {
        Assert.True(Status == status, $"expected {status}, the answer was {Status}: {Body}");
        return this;
    }
}

/// <summary>The control plane as a client sees it, and the identity provider that gives the tokens.</summary>
internal sealed class Api(Uri controlPlane, Uri issuer, string clientSecret) : IDisposable
{
    private static readonly TimeSpan TokenUse = TimeSpan.FromMinutes(4);
    private readonly HttpClient http = new() { BaseAddress = controlPlane, Timeout = TimeSpan.FromSeconds(60) };
    private readonly ConcurrentDictionary<string, (string Token, long At)> tokens = new();

    /// <summary>What the API said: it might hold some of what nobody may find again.</summary>
    public ConcurrentQueue<(string Where, string Text)> Said { get; } = [];

    public Task<Answer> Get(string who, string path) => Send(who, HttpMethod.Get, path, null);

    /// <param name="key">Under which the same call may be made again.</param>
    public Task<Answer> Post(string who, string path, object? body = null, string? key = null) => Send(who, HttpMethod.Post, path, body ?? new { }, key);

    public Task<Answer> Delete(string who, string path) => Send(who, HttpMethod.Delete, path, null);

    /// <summary>The body as it came: transcripts are read byte by byte.</summary>
    public async Task<string> Raw(string who, string path)
    {
        using var request = await Request(who, HttpMethod.Get, path);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, $"GET {path}: {(int)response.StatusCode}");
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Said.Enqueue(($"the answer to GET {path}", text));
        return text;
    }

    public async Task PublishPolicy(string yaml)
    {
        // the first call to a control plane has it ask the identity provider for its keys, which may take its time: 503 says to try again
        var (status, said) = (HttpStatusCode.ServiceUnavailable, "");
        await Wait.Until(
            async () =>
            {
                using var request = await Request("admin", HttpMethod.Put, "/v1/policies");
                request.Content = new StringContent(yaml, MediaTypeHeaderValue.Parse("application/yaml"));
                using var response = await http.SendAsync(request);
                (status, said) = (response.StatusCode, await response.Content.ReadAsStringAsync());
                return status != HttpStatusCode.ServiceUnavailable;
            }, 60, () => said);
        Assert.True((int)status is >= 200 and < 300, said);
    }

    /// <summary>A token for the API and for logins; of the same identity the same one for a while.</summary>
    public async Task<string> Token(string name)
    {
        if (tokens.TryGetValue(name, out var known) && Stopwatch.GetElapsedTime(known.At) < TokenUse)
        {
            return known.Token;
        }
        var token = await NewToken(name, "accessplane");
        tokens[name] = (token, Stopwatch.GetTimestamp());
        return token;
    }

    public async Task<string> NewToken(string name, string audience)
    {
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = clientSecret,
            ["resource"] = $"urn:{audience}",
        });
        using var response = await http.PostAsync(new Uri(issuer, "/token"), form);
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, body.ToString());
        var token = body.GetProperty("access_token").GetString()!;
        SecretSweep.OfTheRun.Knows("an access token", token);
        return token;
    }

    public void Dispose() => http.Dispose();

    private async Task<Answer> Send(string who, HttpMethod method, string path, object? body, string? key = null)
    {
        using var request = await Request(who, method, path);
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }
        request.Content = body is null ? null : JsonContent.Create(body);
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        var answer = new Answer((int)response.StatusCode, text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text));
        if (response.IsSuccessStatusCode && method == HttpMethod.Post)
        {
            SecretSweep.OfTheRun.KnowsOf(answer.Body);
            text = SecretSweep.Beside(answer.Body);
        }
        Said.Enqueue(($"the answer {answer.Status} to {method} {path}", text));
        return answer;
    }

    private async Task<HttpRequestMessage> Request(string who, HttpMethod method, string path)
    {
        var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await Token(who));
        return request;
    }
}
