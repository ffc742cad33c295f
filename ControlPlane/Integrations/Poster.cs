using System.Net.Http.Headers;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// Posts to addresses that the configuration names, and to no others: no redirect is followed, no cookie kept, and of an answer nothing is read but its
/// status and `Retry-After`, where nobody asks for more.
/// </summary>
internal sealed class Poster(TimeProvider clock) : IDisposable
{
    private const int LargestAnswer = 256 * 1024;

    private readonly HttpMessageInvoker http = new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(2), // names are looked up again
            MaxResponseHeadersLength = 16,
            MaxResponseDrainSize = 4 * 1024, // an answer that is longer costs its connection
            ResponseDrainTimeout = TimeSpan.FromSeconds(1),
        },
        disposeHandler: true);

    public async Task<Attempt> Post(Uri address, string mediaType, byte[] body, IEnumerable<(string Name, string Value)> headers, CancellationToken cancel)
    {
        using var answer = await Send(address, mediaType, body, headers, cancel);
        return AttemptOf(answer);
    }

    /// <returns>With what was answered, where it was taken; nothing of an answer that is too long.</returns>
    public async Task<(Attempt Attempt, byte[] Answer)> Ask(
        Uri address, string mediaType, byte[] body, IEnumerable<(string Name, string Value)> headers, CancellationToken cancel)
    {
        using var answer = await Send(address, mediaType, body, headers, cancel);
        var attempt = AttemptOf(answer);
        if (attempt.Failure is not null)
        {
            return (attempt, []);
        }
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[LargestAnswer + 1];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
        return (attempt, length > LargestAnswer ? [] : buffer[..length]);
    }

    private async Task<HttpResponseMessage> Send(Uri address, string mediaType, byte[] body, IEnumerable<(string Name, string Value)> headers, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(mediaType) { CharSet = "utf-8" };
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("AccessPlane", typeof(Poster).Assembly.GetName().Version?.ToString(3)));
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        return await http.SendAsync(request, cancel);
    }

    private Attempt AttemptOf(HttpResponseMessage answer) => (int)answer.StatusCode switch
    {
        >= 200 and < 300 => Attempt.Delivered,
        >= 300 and < 400 => Attempt.Failed($"answers {(int)answer.StatusCode}: redirects are not followed", Wish(answer)),
        400 or 413 or 415 or 422 => Attempt.Unwanted($"answers {(int)answer.StatusCode}"),
        var status => Attempt.Failed($"answers {status}", Wish(answer)),
    };

    public void Dispose() => http.Dispose();

    private TimeSpan? Wish(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when date - clock.GetUtcNow() is var wait && wait > TimeSpan.Zero => wait,
        _ => null,
    };
}
