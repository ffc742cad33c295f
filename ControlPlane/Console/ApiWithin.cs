using System.Diagnostics;
using Microsoft.AspNetCore.Http.Features;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// The API, called from within the process: the same endpoints by the same way (token, roles, validation, refusals, idempotency, audit), without a socket.
/// Nothing here decides anything. Calls by address are not counted: a circuit does one thing after the other, for somebody who has signed in.
/// </summary>
internal sealed class ApiWithin(IServiceScopeFactory scopes)
{
    /// <summary>Set when the application is composed.</summary>
    public RequestDelegate Way { private get; set; } = _ => throw new InvalidOperationException("the application is not composed yet");

    public Task<ApiReply> Call(ApiCall call, Stream answer, CancellationToken cancel) => Call(call, _ => answer, cancel);

    /// <param name="open">Where the answer goes, asked when it begins and what it will be is known.</param>
    public async Task<ApiReply> Call(ApiCall call, Func<ApiReply, Stream> open, CancellationToken cancel)
    {
        Activity.Current = null; // the circuit's: calls are not parts of it, each has a correlation of its own
        await using var scope = scopes.CreateAsyncScope();
        var http = new DefaultHttpContext { RequestServices = scope.ServiceProvider, RequestAborted = cancel };
        var request = http.Request;
        var query = call.Path.IndexOf('?', StringComparison.Ordinal);
        (request.Method, request.Scheme, request.Host, request.Protocol) = (call.Method, "https", new HostString("within"), "HTTP/1.1");
        request.Path = query < 0 ? call.Path : call.Path[..query];
        request.QueryString = query < 0 ? QueryString.Empty : new QueryString(call.Path[query..]);
        request.Headers.Authorization = $"Bearer {call.Token}";
        request.Headers.TraceParent = $"00-{ActivityTraceId.CreateRandom()}-{ActivitySpanId.CreateRandom()}-00";
        if (call.Accept is { } accept)
        {
            request.Headers.Accept = accept;
        }
        if (call.Key is { } key)
        {
            request.Headers[Http.Commands.IdempotencyKey] = key;
        }
        if (call.IfMatch is { } version)
        {
            request.Headers.IfMatch = $"\"{version}\"";
        }
        if (call.Body is { } body)
        {
            (request.Body, request.ContentLength, request.ContentType) = (new MemoryStream(body, writable: false), body.Length, call.ContentType);
        }
        http.Features.Set<IHttpRequestBodyDetectionFeature>(new Has(call.Body is not null));
        http.Response.Body = new LaterStream(() => open(new ApiReply(http.Response.StatusCode, http.Response.ContentType)));
        await Way(http);
        await http.Response.CompleteAsync();
        return new ApiReply(http.Response.StatusCode, http.Response.ContentType);
    }

    private sealed record Has(bool CanHaveBody) : IHttpRequestBodyDetectionFeature;
}

internal sealed record ApiCall(
    string Method, string Path, string Token, byte[]? Body = null, string? ContentType = null, string? Key = null, long? IfMatch = null, string? Accept = null);

internal sealed record ApiReply(int Status, string? ContentType)
{
    public bool IsGood => Status is >= 200 and < 300;
}
