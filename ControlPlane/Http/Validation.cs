using System.Text.Json;
using AccessPlane.Contracts;
using FluentValidation;

namespace AccessPlane.ControlPlane.Http;

public static class Validation
{
    /// <summary>Checks the body of type <typeparamref name="T"/> with its <see cref="IValidator{T}"/> before the endpoint runs: 422 with the errors
    /// of each field.</summary>
    public static RouteHandlerBuilder Validate<T>(this RouteHandlerBuilder endpoint) where T : class => endpoint.AddEndpointFilter(async (call, next) =>
    {
        var validator = call.HttpContext.RequestServices.GetRequiredService<IValidator<T>>();
        if (call.Arguments.OfType<T>().SingleOrDefault() is not { } body)
        {
            return await next(call); // a body that may be left out was
        }
        var result = await validator.ValidateAsync(body, call.HttpContext.RequestAborted);
        return result.IsValid ? await next(call) : Problems.Of(new Refusal("invalid", "the input is not valid: see `errors`")
        {
            Errors = result.Errors
                .GroupBy(e => string.Join('.', e.PropertyName.Split('.').Select(JsonNamingPolicy.CamelCase.ConvertName)))
                .ToDictionary(g => g.Key, g => g.Select(e => e.ErrorMessage).ToArray()),
        });
    });
}
