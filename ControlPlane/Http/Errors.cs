using System.Net.Sockets;
using System.Text.Json;
using AccessPlane.Contracts;
using MassTransit;
using Npgsql;
using RabbitMQ.Client.Exceptions;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Whatever goes wrong below becomes a problem: the caller's mistakes are explained, ours are logged and never shown.</summary>
internal sealed partial class Errors(RequestDelegate next, ILogger<Errors> log)
{
    public async Task InvokeAsync(HttpContext http)
    {
        try
        {
            await next(http);
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return; // the caller left: nobody reads an answer
        }
        catch (Exception failure) when (!http.Response.HasStarted)
        {
            var refusal = Explain(http, failure);
            Reset(http.Response);
            await Problems.Of(refusal).ExecuteAsync(http);
        }
        if (!http.Response.HasStarted && http.Response is { StatusCode: >= 400, ContentType: null, ContentLength: null or 0 } && OfStatus(http) is { } plain)
        {
            await Problems.Of(plain).ExecuteAsync(http);
        }
        if (http.Response.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            await BodySize.TakeRest(http);
        }
    }

    private Refusal Explain(HttpContext http, Exception failure)
    {
        switch (failure)
        {
            case UnavailableException unavailable:
                LogUnavailable(unavailable.Code, unavailable);
                return new Refusal(unavailable.Code, unavailable.Message);
            case BadHttpRequestException bad:
                return BadInput.Explain(http, bad);
            case JsonException json when !HttpMethods.IsGet(http.Request.Method):
                return BadInput.Explain(json);
            case NpgsqlException database when IsOutage(database):
                LogUnavailable("log-unavailable", failure);
                return new Refusal("log-unavailable", "the event log cannot be reached: nothing was changed for certain; try again with the same `Idempotency-Key`");
            case RabbitMQClientException or ConnectionException or SocketException:
                LogUnavailable("broker-unavailable", failure);
                return new Refusal("broker-unavailable", "the message broker cannot be reached: try again");
            default:
                LogFailure(http.Request.Method, http.Request.Path, failure);
                return new Refusal("internal", $"something went wrong here, not with your input; correlation id `{http.Correlation():D}` finds it in the log");
        }
    }

    /// <summary>Framework answers without a body: routes and methods that do not exist, and media types.</summary>
    private static Refusal? OfStatus(HttpContext http) => http.Response.StatusCode switch
    {
        400 => new Refusal("bad-request", "the request is not valid"),
        401 => new Refusal("unauthenticated", "an access token is needed: send `Authorization: Bearer`"),
        403 => new Refusal("forbidden", "you may not do this"),
        404 => new Refusal("not-found", "there is nothing here"),
        405 => new Refusal("method-not-allowed", $"this does not take {http.Request.Method}: it takes {http.Response.Headers.Allow}"),
        406 => new Refusal("not-acceptable", "there is no such representation of this"),
        408 => BadInput.TooSlow,
        413 => BadInput.TooLarge(http),
        415 => BadInput.WrongMediaType,
        >= 500 => new Refusal("internal", "something went wrong here, not with your input"),
        _ => null,
    };

    /// <summary>Connections lost or refused, shutdown, and resources at their limit: what passes by itself.</summary>
    internal static bool IsOutage(NpgsqlException failure) => failure is not PostgresException postgres ||
        postgres.IsTransient || postgres.SqlState.StartsWith("08", StringComparison.Ordinal) || postgres.SqlState.StartsWith("53", StringComparison.Ordinal) ||
        postgres.SqlState.StartsWith("57P", StringComparison.Ordinal) || postgres.SqlState == "25006";

    private static void Reset(HttpResponse response)
    {
        var correlation = response.Headers[CorrelationOf.Header];
        response.Clear();
        response.Headers[CorrelationOf.Header] = correlation;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "`{Method} {Path}` failed")]
    private partial void LogFailure(string method, PathString path, Exception failure);

    [LoggerMessage(Level = LogLevel.Warning, Message = "answered `{Code}`")]
    private partial void LogUnavailable(string code, Exception failure);
}
