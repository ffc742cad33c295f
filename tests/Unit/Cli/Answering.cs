using System.Net;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>A control plane that answers to `GET /v1/grants` what the test says. Whoever has stopped waiting gets no answer.</summary>
internal sealed class Answering(Func<string, HttpResponseMessage> answer) : HttpMessageHandler
{
    /// <summary>All that came: each call with its Idempotency-Key and its body.</summary>
    public List<(string Call, string? Key, string Body)> Came { get; } = [];

    public static HttpResponseMessage With(object body, int status = 200) =>
        new((HttpStatusCode)status) { Content = new StringContent(JsonSerializer.Serialize(body, Json.Options), Encoding.UTF8, "application/json") };

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var call = $"{request.Method} {request.RequestUri!.AbsolutePath}";
        Came.Add((call, request.Headers.TryGetValues("Idempotency-Key", out var keys) ? keys.Single() : null, Body(request)));
        var answered = answer(call);
        return cancellationToken.IsCancellationRequested ? Task.FromCanceled<HttpResponseMessage>(cancellationToken) : Task.FromResult(answered);
    }

    private static string Body(HttpRequestMessage request)
    {
        if (request.Content is null)
        {
            return "";
        }
        using var reader = new StreamReader(request.Content.ReadAsStream(), Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
