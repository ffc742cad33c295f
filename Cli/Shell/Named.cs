using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Shell;

/// <summary>Ids as lists show them: their last eight digits, which are random; whole ones are taken too.</summary>
internal static class Named
{
    private const int Shown = 8;

    /// <summary>How far a list is looked through for an id's end.</summary>
    private const int Most = 1000;

    public static string Short(Guid id) => id.ToString("N")[^Shown..];

    /// <param name="list">Where it would be listed: `/v1/requests`.</param>
    /// <param name="what">`request`, `grant`…</param>
    public static async Task<Guid> Of(Call call, string list, string what, string text)
    {
        if (Guid.TryParse(text, out var whole))
        {
            return whole;
        }
        var end = text.Replace("-", "", StringComparison.Ordinal);
        if (end.Length < 4 || !end.All(char.IsAsciiHexDigit))
        {
            throw new StopException(Exit.Usage, $"`{text}` is no id of a {what}", $"give one as lists show it: its last {Shown} digits, or all of it");
        }
        var listed = await call.Api.List<IdShape>(list, Most, call.Cancel);
        Guid[] found = [.. listed.Value.Items.Select(i => i.Id).Distinct().Where(i => i.ToString("N").EndsWith(end, StringComparison.OrdinalIgnoreCase))];
        return found switch
        {
            [var one] => one,
            [] => throw new StopException(Exit.NotFound, $"there is no {what} whose id ends with `{text}`", "what you may not see is not found either"),
            _ => throw new StopException(Exit.Usage, $"`{text}` ends the id of {found.Length} {what}s", "give more of it"),
        };
    }

    private sealed record IdShape(Guid Id);
}
