using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Reflection;
using System.Security.Claims;
using AccessPlane.Contracts;
using Microsoft.AspNetCore.Http.Metadata;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// Query parameters that the endpoint does not take are refused: a misspelt filter that is ignored shows more than was asked for.
/// What an endpoint takes is read from its handler's parameters; one that reads the query itself says <see cref="StrictQueryOf.TakesQuery"/>.
/// </summary>
internal sealed class StrictQuery(RequestDelegate next)
{
    private static readonly ConcurrentDictionary<Endpoint, FrozenDictionary<string, bool>> Known = new();

    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Query.Count == 0 || http.GetEndpoint() is not RouteEndpoint endpoint || endpoint.Metadata.GetMetadata<MethodInfo>() is null)
        {
            return next(http);
        }
        var taken = Known.GetOrAdd(endpoint, static e => Parameters((RouteEndpoint)e).ToFrozenDictionary(p => p.Name, p => p.Many, StringComparer.OrdinalIgnoreCase));
        foreach (var (name, values) in http.Request.Query)
        {
            var why = !taken.TryGetValue(name, out var many) ? taken.Count == 0 ? "is not known: this takes no query" : $"is not known: this takes {string.Join(", ", taken.Keys.Order().Select(k => $"`{k}`"))}"
                : values.Count > 1 && !many ? "is there twice"
                : values.Any(v => v is not null && StorableText.WhyNot(v) is not null) ? "holds what no text can"
                : null;
            if (why is not null)
            {
                return Problems.Of(new Refusal("unknown-parameter", $"query parameter `{name}` {why}") { Errors = new Dictionary<string, string[]> { [name] = [why] } }).ExecuteAsync(http);
            }
        }
        return next(http);
    }

    private static IEnumerable<(string Name, bool Many)> Parameters(RouteEndpoint endpoint)
    {
        var route = endpoint.RoutePattern.Parameters.Select(p => p.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var declared = endpoint.Metadata.GetOrderedMetadata<QueryNames>().SelectMany(q => q.Names).Select(n => (n, true));
        return declared.Concat(endpoint.Metadata.GetRequiredMetadata<MethodInfo>().GetParameters().SelectMany(Of)).DistinctBy(p => p.Item1, StringComparer.OrdinalIgnoreCase);

        IEnumerable<(string, bool)> Of(ParameterInfo parameter)
        {
            var sources = parameter.GetCustomAttributes().ToList();
            if (sources.OfType<AsParametersAttribute>().Any())
            {
                return parameter.ParameterType.GetConstructors().MaxBy(c => c.GetParameters().Length)!.GetParameters().SelectMany(Of);
            }
            var named = sources.OfType<IFromQueryMetadata>().FirstOrDefault();
            var elsewhere = sources.Any(s => s is IFromRouteMetadata or IFromHeaderMetadata or IFromBodyMetadata or IFromServiceMetadata or IFromFormMetadata);
            var name = named?.Name ?? parameter.Name!;
            return named is null && (elsewhere || route.Contains(name) || !IsSimple(parameter.ParameterType)) ? [] : [(name, parameter.ParameterType.IsArray)];
        }
    }

    private static bool IsSimple(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        type = type.IsArray ? type.GetElementType()! : type;
        return type != typeof(CancellationToken) && type != typeof(ClaimsPrincipal) &&
            (type == typeof(string) || type.IsEnum || type.GetMethods(BindingFlags.Public | BindingFlags.Static).Any(m => m.Name == "TryParse"));
    }

    internal sealed record QueryNames(IReadOnlyList<string> Names);
}

public static class StrictQueryOf
{
    /// <summary>Names of query parameters that the handler reads from the request itself.</summary>
    public static TBuilder TakesQuery<TBuilder>(this TBuilder endpoint, params string[] names) where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new StrictQuery.QueryNames(names));
}
