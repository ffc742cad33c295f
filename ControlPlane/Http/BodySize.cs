using Microsoft.AspNetCore.Http.Features;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Metadata of an endpoint whose body may be as large as a policy document.</summary>
public interface ITakesDocument;

/// <summary>Bodies are as small as the endpoint needs them: the server's own bound is that of the largest.</summary>
internal sealed class BodySize(RequestDelegate next, LimitOptions limits)
{
    public Task InvokeAsync(HttpContext http)
    {
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } body)
        {
            body.MaxRequestBodySize = http.GetEndpoint()?.Metadata.GetMetadata<ITakesDocument>() is null ? limits.Body : limits.PolicyBody;
        }
        return next(http);
    }
}
