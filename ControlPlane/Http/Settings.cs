using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Parts of the configuration, of which every name is known: what is misspelt is said at the start, and not taken to be left out.</summary>
internal static partial class Settings
{
    private static readonly Action<BinderOptions> Known = binder => binder.ErrorOnUnknownConfiguration = true;

    /// <exception cref="OptionsValidationException">Something in it is not known, or is no such value: in one line.</exception>
    public static T Part<T>(this IConfiguration configuration, string name) where T : class, new()
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return Told(name, () => configuration.GetSection(name).Get<T>(Known)) ?? new T();
    }

    /// <summary>The same for options that are validated when the host starts.</summary>
    public static void Part<T>(this IConfiguration configuration, string name, T options) where T : class
    {
        ArgumentNullException.ThrowIfNull(configuration);
        Told(name, () =>
        {
            configuration.GetSection(name).Bind(options, Known);
            return options;
        });
    }

    private static T? Told<T>(string name, Func<T?> read)
    {
        try
        {
            return read();
        }
        catch (InvalidOperationException wrong)
        {
            throw new OptionsValidationException(name, typeof(T), [Line(name, wrong)]);
        }
    }

    /// <summary>The binder speaks of types, which nobody who configures has heard of.</summary>
    private static string Line(string name, Exception wrong)
    {
        for (var told = wrong; told is not null; told = told.InnerException)
        {
            if (Unknown().Match(told.Message) is { Success: true } unknown)
            {
                return $"`{name}`: {unknown.Groups[1].Value.Replace('\'', '`')} is not known";
            }
            if (NoValue().Match(told.Message) is { Success: true } value)
            {
                return $"`{value.Groups[1].Value}` is set to something that it cannot be";
            }
        }
        return $"`{name}`: {wrong.Message}";
    }

    [GeneratedRegex(@"not found on the instance of [^:]+: (.+)$")]
    private static partial Regex Unknown();

    [GeneratedRegex(@"at '([^']+)' to type")]
    private static partial Regex NoValue();
}
