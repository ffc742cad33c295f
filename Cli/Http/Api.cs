using System.Globalization;
using System.Net;
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

/// <summary>The control plane's API under one person's token. Calls that may be repeated are, for a while: when it says so, and a command whose answer is lost.</summary>
internal sealed class Api(HttpClient http, Func<CancellationToken, Task<string>> token, TimeProvider clock)
{
    private const int Attempts = 4;
    private const int LargestPage = 200;
    private const string Yaml = "application/yaml";
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Who is to wait longer than that may as well come again.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    /// <summary>After that nothing is tried once more: an answer that never comes costs minutes each time.</summary>
    private static readonly TimeSpan Persistence = TimeSpan.FromMinutes(2);

    /// <param name="Why">Null where there is a response.</param>
    /// <param name="Pause">After which another attempt may end otherwise; null where none will.</param>
    /// <param name="MayBeDone">What was asked for may be done, whatever was heard of it.</param>
    private readonly record struct Attempt(HttpResponseMessage? Response, StopException? Why = null, TimeSpan? Pause = null, bool MayBeDone = false);

    public Task<Answer<T>> Get<T>(string path, CancellationToken cancel) => Ask<T>(new Outgoing(HttpMethod.Get, path), cancel);

    public Task<Answer<T>> Post<T>(string path, object body, CancellationToken cancel) =>
        Ask<T>(new Outgoing(HttpMethod.Post, path) { Body = JsonSerializer.SerializeToUtf8Bytes(body, Json.Options) }, cancel);

    public Task<Answer<T>> Delete<T>(string path, CancellationToken cancel) => Ask<T>(new Outgoing(HttpMethod.Delete, path), cancel);

    public Task<Answer<T>> PutYaml<T>(string path, byte[] yaml, long? ifMatch, CancellationToken cancel) =>
        Ask<T>(new Outgoing(HttpMethod.Put, path) { Body = yaml, Type = Yaml, IfMatch = ifMatch }, cancel);

    public Task<Answer<T>> PostYaml<T>(string path, byte[] yaml, CancellationToken cancel) =>
        Ask<T>(new Outgoing(HttpMethod.Post, path) { Body = yaml, Type = Yaml }, cancel);

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
        var call = new Outgoing(method, path) { Body = yaml, Type = Yaml, Streams = true };
        using var response = await Send(call, cancel);
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
        using var response = await Send(new Outgoing(HttpMethod.Get, path) { Accept = accept, Streams = true }, cancel);
        await Connected(async () =>
        {
            await response.Content.CopyToAsync(into, cancel);
            return 0;
        }, cancel);
    }

    private async Task<Answer<T>> Ask<T>(Outgoing call, CancellationToken cancel)
    {
        using var response = await Send(call, cancel);
        // it is all here: whoever leaves now has been answered
        var bytes = await response.Content.ReadAsByteArrayAsync(CancellationToken.None);
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

    /// <summary>Until there is an answer. Of one that is lost nobody knows what it was: the command goes again under its own key, by which it is done once.</summary>
    private async Task<HttpResponseMessage> Send(Outgoing call, CancellationToken cancel)
    {
        var (began, mayBeDone) = (clock.GetTimestamp(), false);
        try
        {
            for (var number = 1; ; number++)
            {
                var attempt = await Try(call, await token(cancel), cancel);
                if (attempt.Response is { } response)
                {
                    return response;
                }
                mayBeDone |= attempt.MayBeDone;
                if (attempt.Pause is not { } pause || number == Attempts || clock.GetElapsedTime(began) > Persistence)
                {
                    throw attempt.Why!;
                }
                await Task.Delay(pause, clock, cancel);
            }
        }
        catch (StopException why) when (mayBeDone && call.ShownBy is not null)
        {
            var shown = $"it may have been done all the same: `{call.ShownBy}` shows it";
            throw new StopException(why.ExitCode, why.Message, why.ExitCode == Exit.Unreachable || why.Next is null ? shown : $"{why.Next}; {shown}", why.Problem, why);
        }
    }

    private async Task<Attempt> Try(Outgoing call, string bearer, CancellationToken cancel)
    {
        using var message = call.Message(bearer);
        HttpResponseMessage response;
        try
        {
            response = await Connected(
                () => http.SendAsync(message, call.Streams ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead, cancel), cancel);
        }
        catch (StopException lost)
        {
            return new Attempt(null, lost, call.Key is null ? null : Pause, MayHaveArrived(lost.InnerException));
        }
        if (response.IsSuccessStatusCode)
        {
            return new Attempt(response);
        }
        using (response)
        {
            var why = Problem.Of((int)response.StatusCode, await Connected(() => response.Content.ReadAsStringAsync(cancel), cancel));
            var pause = response.Headers.RetryAfter?.Delta ?? Pause;
            return new Attempt(null, why, MayGoAgain(response.StatusCode) && pause <= LongestPause ? pause : null, response.StatusCode >= HttpStatusCode.InternalServerError);
        }
    }

    /// <summary>A gateway that had no answer says nothing of what was done: what is sent again either reads only, or is known by its key.</summary>
    private static bool MayGoAgain(HttpStatusCode status) =>
        status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout;

    /// <summary>Where no connection came about nothing was sent.</summary>
    private static bool MayHaveArrived(Exception? failure) => failure is not HttpRequestException
    {
        HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError,
    };

    private Task<string?> Line(StreamReader reader, CancellationToken cancel) => Connected(() => reader.ReadLineAsync(cancel).AsTask(), cancel);

    private Task<T> Connected<T>(Func<Task<T>> work, CancellationToken cancel) => Reached.Or(http.BaseAddress!, work, cancel);
}
