using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy validate FILE`: everything that is wrong with it, in the form that editors jump to.</summary>
internal static class ValidatePolicy
{
    public static Command Define()
    {
        var file = PolicyCommands.Document();
        return Commands.Make("validate", "Says everything that is wrong with a document, and changes nothing", async call =>
        {
            var path = call.Value(file);
            var answer = await call.Api.PostYaml<PolicyCheckShape>("/v1/policies/validate", PolicyCommands.Read(path), call.Cancel);
            call.Screen.Document(answer.Raw);
            Tell(call, path, answer.Value.Problems);
            call.Screen.Line(answer.Value.Valid ? $"{path} could be published" : $"{path} cannot be published", answer.Value.Valid ? "good" : "bad");
            return answer.Value.Valid ? Exit.Ok : Exit.Refused;
        }, file);
    }

    public static void Tell(Call call, string file, IEnumerable<PolicyProblemShape> problems)
    {
        foreach (var problem in problems)
        {
            call.Screen.Line($"{file}:{problem.Line}:{problem.Column}: {problem.Severity}: {Printable.Line(problem.Message)}", problem.Severity == "error" ? "bad" : "wait");
        }
    }
}
