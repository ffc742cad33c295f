using System.Collections.Frozen;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Http;

/// <summary>RFC 9457, with a stable <paramref name="Code"/> for programs and a <paramref name="Detail"/> for people.</summary>
/// <param name="Errors">Per field, for 422.</param>
/// <param name="Winning">What had been decided already, for 409 and 412.</param>
/// <param name="Problems">Everything that is wrong with a document, with line and column.</param>
public sealed record Problem(
    string Type, string Title, int Status, string Detail, string Code, IReadOnlyDictionary<string, string[]>? Errors = null, object? Winning = null,
    Guid? Correlation = null, object? Problems = null);

/// <summary>A refusal → what HTTP says of it. One table for the whole API.</summary>
public static class Problems
{
    /// <summary>Codes whose status does not follow from their form: see <see cref="StatusOf"/>.</summary>
    private static readonly FrozenDictionary<string, int> Statuses = new Dictionary<string, int>
    {
        ["bad-request"] = 400,
        ["bad-json"] = 400,
        ["body-missing"] = 400,
        ["unauthenticated"] = 401,
        ["actor-disabled"] = 403,
        ["admins-only"] = 403,
        ["auditors-only"] = 403,
        ["forbidden"] = 403,
        ["locked"] = 403,
        ["not-an-approver"] = 403,
        ["not-entitled"] = 403,
        ["not-the-holder"] = 403,
        ["not-the-requester"] = 403,
        ["reviewer-disabled"] = 403,
        ["reviewer-not-a-person"] = 403,
        ["self-review"] = 403,
        ["break-glass-locked"] = 403,
        ["enrolment-refused"] = 403,
        ["not-found"] = 404,
        ["method-not-allowed"] = 405,
        ["not-acceptable"] = 406,
        ["too-slow"] = 408,
        ["version-mismatch"] = 412,
        ["too-large"] = 413,
        ["unsupported-media-type"] = 415,
        ["duration-too-long"] = 422,
        ["idempotency-key-reused"] = 422,
        ["invalid"] = 422,
        ["max-total"] = 422,
        ["nobody-can-approve"] = 422,
        ["not-supported-yet"] = 422,
        ["reason-required"] = 422,
        ["reference-required"] = 422,
        ["unknown-field"] = 422,
        ["unknown-parameter"] = 422,
        ["too-many-calls"] = 429,
        ["internal"] = 500,
        ["agent-not-reached"] = 503,
        ["being-rebuilt"] = 503,
        ["not-caught-up"] = 503,
        ["unavailable"] = 503,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<int, string> Titles = new Dictionary<int, string>
    {
        [400] = "Bad request",
        [401] = "Not authenticated",
        [403] = "Not allowed",
        [404] = "Not found",
        [405] = "Method not allowed",
        [406] = "Not acceptable",
        [408] = "Too slow",
        [409] = "Conflict",
        [412] = "Precondition failed",
        [413] = "Too large",
        [415] = "Unsupported media type",
        [422] = "Invalid input",
        [429] = "Too many calls",
        [500] = "Internal error",
        [503] = "Unavailable",
    }.ToFrozenDictionary();

    public static IResult Of(Refusal refusal) => Of(refusal, null);

    /// <param name="winning">The decision that was there first, as the API shows it.</param>
    /// <param name="problems">Everything that is wrong with a document, where there is one.</param>
    public static IResult Of(Refusal refusal, object? winning, object? problems = null)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        var problem = Describe(refusal.Code, refusal.Detail) with { Errors = refusal.Errors, Winning = winning, Problems = problems };
        return new ProblemResult(problem, StatusOf(refusal));
    }

    public static IResult Of(string code, string detail) => Of(new Refusal(code, detail));

    public static IResult NotFound(string what) => Of("not-found", what);

    /// <summary>Refusals that name fields are input; `no-such-…` is 404, `token-…` 401, `…-unavailable` 503; a code that nothing says otherwise of is a conflict
    /// with the state.</summary>
    public static int StatusOf(Refusal refusal)
    {
        ArgumentNullException.ThrowIfNull(refusal);
        return refusal.Errors is not null ? StatusCodes.Status422UnprocessableEntity
            : Statuses.TryGetValue(refusal.Code, out var status) ? status
            : refusal.Code.EndsWith("-unavailable", StringComparison.Ordinal) ? StatusCodes.Status503ServiceUnavailable
            : refusal.Code.StartsWith("token-", StringComparison.Ordinal) ? StatusCodes.Status401Unauthorized
            : refusal.Code.StartsWith("no-such-", StringComparison.Ordinal) ? StatusCodes.Status404NotFound
            : refusal.Code.StartsWith("invalid-", StringComparison.Ordinal) ? StatusCodes.Status422UnprocessableEntity
            : StatusCodes.Status409Conflict;
    }

    internal static Problem Describe(string code, string detail)
    {
        var status = StatusOf(new Refusal(code, detail));
        return new Problem($"urn:accessplane:problem:{code}", Titles.GetValueOrDefault(status, "Refused"), status, detail, code);
    }

    private sealed class ProblemResult(Problem problem, int status) : IResult, IStatusCodeHttpResult, IValueHttpResult
    {
        public int? StatusCode => status;
        public object Value => problem;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            if (status == StatusCodes.Status503ServiceUnavailable)
            {
                httpContext.Response.Headers.RetryAfter = "1";
            }
            var body = problem with { Status = status, Title = Titles.GetValueOrDefault(status, problem.Title), Correlation = httpContext.Correlation() };
            return httpContext.Response.WriteAsJsonAsync(body, Json.Options, "application/problem+json", httpContext.RequestAborted);
        }
    }
}

/// <summary>Something that the product depends on is not there now. Ends a call with 503 and this code; nothing was changed.</summary>
/// <param name="code">Ends in `-unavailable`, or is listed in <see cref="Problems"/>.</param>
public sealed class UnavailableException(string code, string detail, Exception? inner = null) : Exception(detail, inner)
{
    public string Code { get; } = code;
}
