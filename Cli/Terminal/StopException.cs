using System.Text.Json;

namespace AccessPlane.Cli.Terminal;

/// <summary>Ends a command: what happened, what to do next, and with which of <see cref="Exit"/>.</summary>
/// <param name="exit">One of <see cref="Exit"/>.</param>
/// <param name="next">What the reader can do now; null where what happened says it.</param>
/// <param name="problem">The API's own answer, for `--json`.</param>
internal sealed class StopException(
    int exit, string what, string? next = null, JsonElement? problem = null, Exception? inner = null, bool told = false) : Exception(what, inner)
{
    public int ExitCode => exit;
    public string? Next => next;

    /// <summary>The one document of `--json` is out already.</summary>
    public bool IsDocumented => told;
    public JsonElement? Problem => problem;

    /// <summary>The API's own word for what happened, where it has one.</summary>
    public string? Code => problem is { ValueKind: JsonValueKind.Object } answer && answer.TryGetProperty("code", out var code) && code.ValueKind == JsonValueKind.String
        ? code.GetString() : null;
}
