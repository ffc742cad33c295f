using System.CommandLine;

namespace AccessPlane.Cli.Shell;

/// <summary>How much of a list, and of which one.</summary>
internal static class Limit
{
    private const int Usual = 50;
    public const int Most = 10_000;

    public static Option<int> Option()
    {
        var option = new Option<int>("--limit", "-n") { Description = "How many at most", HelpName = "number", DefaultValueFactory = _ => Usual };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && (!int.TryParse(result.Tokens[0].Value, out var number) || number is < 1 or > Most))
            {
                result.AddError($"`--limit` must be a number from 1 to {Most}");
            }
        });
        return option;
    }

    /// <summary>A path with those filters that were given.</summary>
    public static string Query(string path, params IEnumerable<(string Name, string? Value)> filters)
    {
        var given = string.Join('&', filters.Where(f => f.Value is not null).Select(f => $"{f.Name}={Uri.EscapeDataString(f.Value!)}"));
        return given.Length == 0 ? path : $"{path}?{given}";
    }
}
