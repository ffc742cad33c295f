using Microsoft.AspNetCore.Http.Features;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Metadata of an endpoint whose body may be as large as a policy document.</summary>
public interface ITakesDocument;

/// <summary>Bodies are as small as the endpoint needs them: the server's own bound is that of the largest.</summary>
internal sealed class BodySize(RequestDelegate next, LimitOptions limits)
{
    private const int MostTaken = 8 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public Task InvokeAsync(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
        {
            body.MaxRequestBodySize = http.GetEndpoint()?.Metadata.GetMetadata<ITakesDocument>() is null ? limits.Body : limits.PolicyBody;
        }
        return next(http);
    }

    /// <summary>
    /// Takes what is still coming of a body that was refused for its size, up to a bound, and makes nothing of it: a connection that is closed under a caller
    /// who still sends is reset, and the answer lost.
    /// </summary>
    public static async Task TakeRest(HttpContext http)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        patience.CancelAfter(Patience);
        try
        {
            await http.Response.CompleteAsync();
            if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
            {
                body.MaxRequestBodySize = MostTaken;
            }
            await http.Request.Body.CopyToAsync(Stream.Null, patience.Token);
        }
        catch (Exception gone) when (gone is BadHttpRequestException or IOException or OperationCanceledException)
        {
            // it is larger or slower than anybody waits for, or the caller has left
        }
    }
}
