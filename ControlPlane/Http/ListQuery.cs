using System.Globalization;
using AccessPlane.Contracts;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Http;

/// <summary>The query string of a list: paging and filters, each given once and making sense. (Names that the endpoint does not declare are refused
/// before it runs: see <see cref="StrictQueryOf.TakesQuery"/>.)</summary>
public sealed class ListQuery
{
    private readonly IQueryCollection given;
    private readonly Dictionary<string, string[]> errors = [];

    public ListQuery(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        given = http.Request.Query;
        foreach (var (name, values) in given)
        {
            if (values.Count != 1)
            {
                errors[name] = [$"`{name}` may be given once"];
            }
        }
    }

    public string? After => Text("after");

    public int Limit => Text("limit") is not { } text ? 100
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= Rows.MaxPage ? limit
        : Wrong("limit", $"must be a number from 1 to {Rows.MaxPage}", 100);

    public string? Text(string name) => given.TryGetValue(name, out var values) && values is [{ Length: > 0 } one] ? one : null;

    public bool Flag(string name) => Text(name) switch
    {
        null or "false" => false,
        "true" => true,
        _ => Wrong(name, "must be `true` or `false`", false),
    };

    /// <summary>Those alone that wait for the caller: `awaiting=me`.</summary>
    public bool Awaiting => Text("awaiting") switch
    {
        null => false,
        "me" => true,
        _ => Wrong("awaiting", "must be `me`", false),
    };

    public DateTimeOffset? Time(string name) => Text(name) is not { } text ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var at) ? at
        : Wrong(name, "must be an RFC 3339 time such as 2026-01-31T12:00:00Z", (DateTimeOffset?)null);

    public Guid? Id(string name) => Text(name) is not { } text ? null
        : Guid.TryParseExact(text, "D", out var id) ? id
        : Wrong(name, "must be an id", (Guid?)null);

    /// <summary>Null where everything asked for makes sense. Asked last.</summary>
    public IResult? WhyNot() => errors.Count == 0 ? null : Problems.Of(new Refusal("invalid", "the query is not valid: see `errors`") { Errors = errors });

    public T Wrong<T>(string name, string what, T instead)
    {
        errors[name] = [what];
        return instead;
    }
}
