using System.Net;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>A control plane that answers to `GET /v1/grants` what the test says. Whoever has stopped waiting gets no answer.</summary>
internal sealed class Answering(Func<string, HttpResponseMessage> answer) : HttpMessageHandler
{
    public static HttpResponseMessage With(object body, int status = 200) =>
        new((HttpStatusCode)status) { Content = new StringContent(JsonSerializer.Serialize(body, Json.Options), Encoding.UTF8, "application/json") };

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var answered = answer($"{request.Method} {request.RequestUri!.AbsolutePath}");
        return cancellationToken.IsCancellationRequested ? Task.FromCanceled<HttpResponseMessage>(cancellationToken) : Task.FromResult(answered);
    }
}
