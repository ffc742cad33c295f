using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Parts of the configuration, of which every name is known: what is misspelt is said at the start, and not taken to be left out.</summary>
internal static class Settings
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
            throw new OptionsValidationException(name, typeof(T), [$"`{name}`: {(wrong.InnerException ?? wrong).Message}"]);
        }
    }
}
