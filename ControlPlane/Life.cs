using AccessPlane.ControlPlane.EventStore;
using FluentValidation;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane;

/// <summary>The process from its start to the status that it ends with.</summary>
internal static class Life
{
    private const int Misconfigured = 2;

    /// <param name="problems">Has a line for each thing that is wrong with the configuration.</param>
    /// <returns>0 where it was told to stop; 2 where its configuration is wrong.</returns>
    public static async Task<int> Of(Func<WebApplication> compose, TextWriter problems)
    {
        try
        {
            await using var app = compose();
            await app.Services.CreateSchema(app.Lifetime.ApplicationStopping);
            await app.RunAsync();
            return 0;
        }
        catch (OptionsValidationException wrong)
        {
            return await Tell(problems, wrong.Failures);
        }
        catch (AggregateException several) when (several.InnerExceptions.All(w => w is OptionsValidationException))
        {
            return await Tell(problems, several.InnerExceptions.Cast<OptionsValidationException>().SelectMany(w => w.Failures));
        }
        catch (ValidationException wrong)
        {
            return await Tell(problems, wrong.Errors.Select(e => e.ErrorMessage));
        }
    }

    private static async Task<int> Tell(TextWriter problems, IEnumerable<string> wrong)
    {
        foreach (var problem in wrong)
        {
            await problems.WriteLineAsync(problem);
        }
        return Misconfigured;
    }
}
