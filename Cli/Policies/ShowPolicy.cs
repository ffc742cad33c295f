using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy show`: the document in force, or one before it.</summary>
internal static class ShowPolicy
{
    public static Command Define()
    {
        var version = new Argument<long?>("version") { Description = "Which; else the one in force", Arity = ArgumentArity.ZeroOrOne };
        return Commands.Make("show", "The document in force, or one before it", async call =>
        {
            var answer = await Of(call, call.Value(version));
            call.Screen.Document(answer.Raw);
            call.Screen.Say($"version {answer.Value.Version} by {answer.Value.Author}{(answer.Value.PublishedAt is { } at ? $", {call.At(at)}" : "")}", "dim");
            call.Screen.Line((answer.Value.Text ?? "").TrimEnd('\n'));
            return Exit.Ok;
        }, version);
    }

    public static Task<Answer<PolicyShape>> Of(Call call, long? version) =>
        call.Api.Get<PolicyShape>($"/v1/policies/{(version is { } number ? $"{number}" : "current")}", call.Cancel);
}
