using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Http;

/// <summary>What the API answered, as it came and as it is read here.</summary>
internal sealed record Answer<T>(JsonElement Raw, T Value);

/// <param name="Next">Where the list goes on, where it does.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>The control plane's API under one person's token. Calls that may be repeated are, for a while, when it says so.</summary>
internal sealed class Api(HttpClient http, Func<CancellationToken, Task<string>> token, TimeProvider clock)
{
    private const int Attempts = 4;
    private const int LargestPage = 200;
    private const string Yaml = "application/yaml";

    public Task<Answer<T>> Get<T>(string path, CancellationToken cancel) => Ask<T>(HttpMethod.Get, path, null, null, null, cancel);

    /// <param name="key">The same for attempts that are one command; one of its own where it is left out.</param>
    public Task<Answer<T>> Post<T>(string path, object body, CancellationToken cancel, string? key = null) =>
        Ask<T>(HttpMethod.Post, path, () => Content(JsonSerializer.SerializeToUtf8Bytes(body, Json.Options), "application/json"), key ?? NewKey(), null, cancel);

    public Task<Answer<T>> Delete<T>(string path, CancellationToken cancel) => Ask<T>(HttpMethod.Delete, path, null, null, null, cancel);

    public Task<Answer<T>> PutYaml<T>(string path, byte[] yaml, long? ifMatch, CancellationToken cancel) =>
        Ask<T>(HttpMethod.Put, path, () => Content(yaml, Yaml), null, ifMatch, cancel);

    public Task<Answer<T>> PostYaml<T>(string path, byte[] yaml, CancellationToken cancel) => Ask<T>(HttpMethod.Post, path, () => Content(yaml, Yaml), NewKey(), null, cancel);

    /// <summary>A list, page after page, up to <paramref name="most"/>.</summary>
    /// <param name="path">Without `limit` and `after`.</param>
    public async Task<Answer<Page<T>>> List<T>(string path, int most, CancellationToken cancel)
    {
        var (raw, values, after) = (new List<JsonElement>(), new List<T>(), (string?)null);
        var joint = path.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        do
        {
            var limit = Math.Min(LargestPage, most - values.Count).ToString(CultureInfo.InvariantCulture);
            var page = await Get<Page<T>>($"{path}{joint}limit={limit}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}", cancel);
            values.AddRange(page.Value.Items);
            raw.AddRange(page.Raw.GetProperty("items").EnumerateArray());
            after = page.Value.Next;
        }
        while (after is not null && values.Count < most);
        return new Answer<Page<T>>(JsonSerializer.SerializeToElement(new Page<JsonElement>(raw, after), Json.Options), new Page<T>(values, after));
    }

    /// <summary>An answer of lines (NDJSON), each as it comes.</summary>
    public async IAsyncEnumerable<string> Lines(HttpMethod method, string path, byte[]? yaml, [EnumeratorCancellation] CancellationToken cancel)
    {
        using var response = await Send(method, path, yaml is null ? null : () => Content(yaml, Yaml), yaml is null ? null : NewKey(), null, cancel);
        await using var stream = await response.Content.ReadAsStreamAsync(cancel);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (await Line(reader, cancel) is { } line)
        {
            yield return line;
        }
    }

    /// <summary>A document to keep, byte by byte.</summary>
    public async Task Download(string path, string accept, Stream into, CancellationToken cancel)
    {
        using var response = await Send(HttpMethod.Get, path, null, null, null, cancel, accept);
        await Connected(async () =>
        {
            await response.Content.CopyToAsync(into, cancel);
            return 0;
        }, cancel);
    }

    private async Task<Answer<T>> Ask<T>(HttpMethod method, string path, Func<HttpContent>? body, string? key, long? ifMatch, CancellationToken cancel)
    {
        using var response = await Send(method, path, body, key, ifMatch, cancel);
        var bytes = await Connected(() => response.Content.ReadAsByteArrayAsync(cancel), cancel);
        try
        {
            var raw = bytes.Length == 0 ? JsonSerializer.SerializeToElement(new { }) : JsonSerializer.Deserialize<JsonElement>(bytes);
            return new Answer<T>(raw, raw.Deserialize<T>(Json.Options)!);
        }
        catch (JsonException bad)
        {
            throw new StopException(Exit.Unreachable, $"what answers at `{http.BaseAddress}` is no control plane, or of another version: {bad.Message}", "check the address");
        }
    }

    private async Task<HttpResponseMessage> Send(
        HttpMethod method, string path, Func<HttpContent>? body, string? key, long? ifMatch, CancellationToken cancel, string? accept = null)
    {
        for (var attempt = 1; ; attempt++)
        {
            using var request = new HttpRequestMessage(method, new Uri(path.TrimStart('/'), UriKind.Relative)) { Content = body?.Invoke() };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await token(cancel));
            if (key is not null)
            {
                request.Headers.Add("Idempotency-Key", key);
            }
            if (ifMatch is { } version)
            {
                request.Headers.IfMatch.Add(new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{version}\"")));
            }
            if (accept is not null)
            {
                request.Headers.Accept.ParseAdd(accept);
            }
            var response = await Connected(() => http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel), cancel);
            if (response.IsSuccessStatusCode)
            {
                return response;
            }
            using (response)
            {
                if (attempt < Attempts && response.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests)
                {
                    await Task.Delay(response.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(1), clock, cancel);
                    continue;
                }
                throw Problem.Of((int)response.StatusCode, await Connected(() => response.Content.ReadAsStringAsync(cancel), cancel));
            }
        }
    }

    private Task<string?> Line(StreamReader reader, CancellationToken cancel) => Connected(() => reader.ReadLineAsync(cancel).AsTask(), cancel);

    private Task<T> Connected<T>(Func<Task<T>> work, CancellationToken cancel) => Reached.Or(http.BaseAddress!, work, cancel);

    private static ByteArrayContent Content(byte[] bytes, string type) => new(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    public static string NewKey() => Guid.CreateVersion7().ToString("D");
}
