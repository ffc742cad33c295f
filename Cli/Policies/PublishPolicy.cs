using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy publish FILE`: puts a document into force.</summary>
internal static class PublishPolicy
{
    public static Command Define()
    {
        var file = PolicyCommands.Document();
        var after = new Option<long?>("--after") { Description = "Only if this version is in force yet: whoever published meanwhile is not overwritten", HelpName = "version" };
        return Commands.Make("publish", "Puts a document into force", async call =>
        {
            var answer = await Publish(call, call.Value(file), call.Value(after));
            call.Screen.Document(answer.Raw);
            ValidatePolicy.Tell(call, call.Value(file), answer.Value.Warnings ?? []);
            call.Screen.Line($"version {answer.Value.Version} is in force", "good");
            return Exit.Ok;
        }, file, after);
    }

    private static async Task<Answer<PolicyShape>> Publish(Call call, string file, long? after)
    {
        try
        {
            return await call.Api.PutYaml<PolicyShape>("/v1/policies", PolicyCommands.Read(file), after, call.Cancel);
        }
        catch (StopException stop) when (stop.Problem is { } problem && problem.TryGetProperty("problems", out var problems) && problems.ValueKind == JsonValueKind.Array)
        {
            ValidatePolicy.Tell(call, file, problems.Deserialize<List<PolicyProblemShape>>(Json.Options)!);
            throw new StopException(stop.ExitCode, $"{file} was not published", $"mend it; `accessplane policy validate {file}` looks again", problem, stop);
        }
    }
}
