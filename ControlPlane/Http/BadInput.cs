using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using Microsoft.AspNetCore.Http.Features;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// What was wrong with a request that could not be bound. The framework's own texts name its types, so only their facts are taken: which field,
/// which parameter, which line. Their wording is held by tests.
/// </summary>
internal static partial class BadInput
{
    public static Refusal TooSlow { get; } = new("too-slow", "the body came too slowly");
    public static Refusal WrongMediaType { get; } = new("unsupported-media-type", "this takes another media type: see /openapi/v1.json (mostly `application/json`)");

    public static Refusal Explain(HttpContext http, BadHttpRequestException bad)
    {
        if (bad.InnerException is JsonException json)
        {
            return Explain(json);
        }
        if (bad.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return TooLarge(http);
        }
        if (bad.StatusCode == StatusCodes.Status408RequestTimeout)
        {
            return TooSlow;
        }
        if (bad.StatusCode == StatusCodes.Status415UnsupportedMediaType)
        {
            return WrongMediaType;
        }
        if (Unbound().Match(bad.Message) is { Success: true } unbound)
        {
            var name = unbound.Groups["name"].Value;
            return http.Request.RouteValues.ContainsKey(name)
                ? new Refusal("not-found", "there is nothing here")
                : Field(name, unbound.Groups["missing"].Success ? "is required" : "does not have the form that it needs", "invalid-parameter");
        }
        return bad.Message.Contains("no body was provided", StringComparison.Ordinal)
            ? new Refusal("body-missing", "a JSON body is needed")
            : new Refusal("bad-request", "the request could not be read");
    }

    public static Refusal TooLarge(HttpContext http) => new(
        "too-large",
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize is { } most
            ? string.Create(CultureInfo.InvariantCulture, $"the body is larger than the {most} bytes that this takes")
            : "the body is larger than this takes");

    public static Refusal Explain(JsonException json)
    {
        if (json.InnerException is JsonException reader)
        {
            json = reader; // the syntax error itself
        }
        var message = json.Message;
        if (UnknownMember().Match(message) is { Success: true } unknown)
        {
            return Field(unknown.Groups["name"].Value, "is not a known field", "unknown-field");
        }
        if (Duplicate().Match(message) is { Success: true } twice)
        {
            return Field(twice.Groups["name"].Value, "is there twice", "invalid-body");
        }
        if (Missing().Match(message) is { Success: true } missing)
        {
            var names = Quoted().Matches(missing.Groups["names"].Value).Select(m => m.Groups["name"].Value).ToList();
            return new Refusal("invalid-body", $"the body lacks {string.Join(", ", names.Select(n => $"`{n}`"))}")
            {
                Errors = names.ToDictionary(n => n, _ => (string[])["is required"]),
            };
        }
        if (json.Path is { } path)
        {
            // our own converters say what they expect; the framework's text would name a type
            var own = message.StartsWith("The ", StringComparison.Ordinal) ? "has the wrong type or form" : message;
            return Field(path is "$" ? "$" : path.TrimStart('$', '.'), own, "invalid-body");
        }
        return json.LineNumber is { } line
            ? new Refusal("bad-json", $"the body is not valid JSON: line {line + 1}, byte {json.BytePositionInLine + 1}")
            : new Refusal("bad-json", "the body is not valid JSON");
    }

    private static Refusal Field(string name, string what, string code) =>
        new(code, $"`{name}` {what}") { Errors = new Dictionary<string, string[]> { [name] = [what] } };

    [GeneratedRegex("""^(Failed to bind parameter "(?<type>.+) (?<name>\w+)" from|(?<missing>Required parameter) "(?<type>.+) (?<name>\w+)" was not provided)""", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Unbound();

    [GeneratedRegex("^The JSON property '(?<name>.*)' could not be mapped", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex UnknownMember();

    [GeneratedRegex("^Duplicate property '(?<name>.*)' encountered", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Duplicate();

    [GeneratedRegex("was missing required properties including: (?<names>.*)$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Missing();

    [GeneratedRegex("'(?<name>[^']*)'", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted();
}
