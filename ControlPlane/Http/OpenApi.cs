using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AccessPlane.ControlPlane.Http;

/// <summary>The API's description at /openapi/v1.json, and a page to browse it at /docs.</summary>
public static partial class OpenApiFeature
{
    private const string Bearer = "oidc";

    public static IServiceCollection AddApiDescription(this IServiceCollection services) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            Describe(document);
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            if ((Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type) == typeof(TimeSpan))
            {
                // the dialect's own form, which the framework cannot know
                (schema.Type, schema.Pattern, schema.Format) = (JsonSchemaType.String, null, "duration");
            }
            else if ((Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type) == typeof(DateTimeOffset))
            {
                (schema.Type, schema.Format) = (JsonSchemaType.String, "date-time");
            }
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            Complete(operation, $"{context.Description.HttpMethod} /{Constraints().Replace(context.Description.RelativePath ?? "", "}")}", context);
            return Task.CompletedTask;
        });
    });

    public static WebApplication MapApiDescription(this WebApplication app)
    {
        app.MapOpenApi("/openapi/{documentName}.json");
        app.UseSwaggerUI(page =>
        {
            page.RoutePrefix = "docs";
            page.DocumentTitle = "AccessPlane API";
            page.SwaggerEndpoint("/openapi/v1.json", "v1");
            page.EnablePersistAuthorization();
        });
        return app;
    }

    /// <summary>`{id:guid}` → `{id}`.</summary>
    [GeneratedRegex(":[^}/]*}", RegexOptions.NonBacktracking)]
    private static partial Regex Constraints();

    private static void Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo
        {
            Title = "AccessPlane",
            Version = "v1",
            Description = """
                Just-in-time access to databases: someone asks, someone else approves, an agent in front of the database lets them in, and everything is recorded.

                Times are RFC 3339 in UTC, durations ISO 8601 (`PT20M`). Unknown fields and query parameters are refused. Every call that changes something
                takes an `Idempotency-Key`, remembered for a week.
                `ETag` is the version of the thing; `If-Match` insists on it (412), a lost race is 409, and both carry in `winning` what had been decided.
                Problems are RFC 9457 with a stable `code`. `X-Correlation-Id` (your `traceparent`'s trace id) joins calls, events and logs.
                """,
        };
        document.Servers = [new OpenApiServer { Url = "/" }];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                BearerFormat = "JWT",
                Description = "An OIDC access token of a trusted issuer, for the audience `accessplane`.",
            },
        };
        document.Components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        document.Components.Schemas["Problem"] = ProblemSchema();
    }

    private static void Complete(OpenApiOperation operation, string name, OpenApiOperationTransformerContext context)
    {
        var anonymous = context.Description.ActionDescriptor.EndpointMetadata.OfType<Microsoft.AspNetCore.Authorization.IAllowAnonymous>().Any();
        var secured = name.Contains(" /v1/", StringComparison.Ordinal) && !anonymous;
        operation.Responses ??= [];
        operation.Tags = new HashSet<OpenApiTagReference> { new(name.Split('/') is [_, "v1", var feature, ..] ? feature : "health", context.Document) };
        foreach (var (status, what) in Refusals(name, secured))
        {
            operation.Responses.TryAdd(status, new OpenApiResponse { Description = what, Content = ProblemContent(context.Document) });
        }
        if (secured)
        {
            operation.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] }];
        }
        foreach (var query in context.Description.ActionDescriptor.EndpointMetadata.OfType<StrictQuery.QueryNames>().SelectMany(q => q.Names))
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter { Name = query, In = ParameterLocation.Query, Schema = new OpenApiSchema { Type = JsonSchemaType.String } });
        }
        if (secured && !name.StartsWith("GET", StringComparison.Ordinal))
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(Header(Commands.IdempotencyKey, "The same key with the same body is the same command, however often it is sent within a week: 1 to 200 ASCII characters."));
            operation.Parameters.Add(Header("If-Match", "The `ETag` of the version that this is meant for."));
        }
        foreach (var example in Examples.Of(name))
        {
            example.ApplyTo(operation);
        }
    }

    private static IEnumerable<(string Status, string What)> Refusals(string name, bool secured)
    {
        if (!name.Contains(" /v1/", StringComparison.Ordinal))
        {
            yield break;
        }
        if (secured)
        {
            yield return ("401", "No token, or one that is not taken: `code` says which rule it broke");
            yield return ("403", "Not for this caller");
        }
        yield return ("404", "Not there, or not for this caller to see");
        if (!name.StartsWith("GET", StringComparison.Ordinal))
        {
            yield return ("409", "The state does not allow it, or a race was lost: `winning` shows what was decided");
            yield return ("412", "`If-Match` names another version");
        }
        yield return ("422", "The input is not valid: `errors` says what of each field");
        yield return ("429", "Too many calls: `Retry-After` says when to try again");
        yield return ("503", "The log, the broker or an agent cannot be reached now, or a read model is being folded anew after an upgrade");
    }

    private static OpenApiParameter Header(string name, string what) => new()
    {
        Name = name,
        In = ParameterLocation.Header,
        Description = what,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static Dictionary<string, OpenApiMediaType> ProblemContent(OpenApiDocument? document) => new()
    {
        ["application/problem+json"] = new OpenApiMediaType { Schema = new OpenApiSchemaReference("Problem", document) },
    };

    private static OpenApiSchema ProblemSchema()
    {
        var text = new OpenApiSchema { Type = JsonSchemaType.String };
        return new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "RFC 9457",
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = text,
                ["title"] = text,
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer },
                ["detail"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "For people: what happened and what to do" },
                ["code"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "For programs: stable, kebab-case" },
                ["errors"] = new OpenApiSchema { Type = JsonSchemaType.Object, AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = text } },
                ["winning"] = new OpenApiSchema { Type = JsonSchemaType.Object, Description = "What had been decided already" },
                ["correlation"] = text,
            },
            Examples = [JsonNode.Parse("""{"type":"urn:accessplane:problem:self-review","title":"Not allowed","status":403,"detail":"`Erin Engineer` is the requester, or acts for them, or belongs to them: ask another approver","code":"self-review","correlation":"0af76519-16cd-43dd-8448-eb211c80319c"}""")!],
        };
    }

    /// <summary>Bodies as they look, kept in one file; a test finds the call that has none.</summary>
    internal sealed record Examples(string Operation, JsonNode? Request, string RequestType, JsonNode? Response, string? ResponseType)
    {
        private static readonly Lazy<IReadOnlyList<Examples>> Read = new(() =>
        {
            using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("examples.json")!;
            return [.. JsonNode.Parse(stream)!.AsObject().Select(e => new Examples(
                e.Key, e.Value!["request"], (string?)e.Value["requestType"] ?? "application/json", e.Value["response"], (string?)e.Value["responseType"]))];
        });

        public static IReadOnlyList<Examples> All => Read.Value;

        public static IEnumerable<Examples> Of(string operation) => All.Where(e => e.Operation == operation);

        public void ApplyTo(OpenApiOperation operation)
        {
            if (Request is not null && RequestType != "application/json")
            {
                // handlers that read text themselves do not say which
                operation.RequestBody = new OpenApiRequestBody { Required = true, Content = new Dictionary<string, OpenApiMediaType> { [RequestType] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String } } } };
            }
            if (Request is not null && operation.RequestBody?.Content?.TryGetValue(RequestType, out var body) == true && body is { } request)
            {
                request.Example = Request.DeepClone();
            }
            var success = operation.Responses!.FirstOrDefault(r => r.Key.StartsWith('2')).Value;
            if (ResponseType is not null && success is OpenApiResponse { Content: null or { Count: 0 } } bare)
            {
                bare.Content = new Dictionary<string, OpenApiMediaType> { [ResponseType] = new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String } } };
            }
            foreach (var content in success?.Content?.Where(c => ResponseType is null || c.Key == ResponseType).Select(c => c.Value) ?? [])
            {
                content.Example = Response?.DeepClone();
            }
        }
    }
}
