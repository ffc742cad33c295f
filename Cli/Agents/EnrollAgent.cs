using System.CommandLine;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Agents;

/// <summary>`agent enroll ID`: makes a place for an agent. Its one-time token is the output, and nothing else is.</summary>
internal static class EnrollAgent
{
    public static Command Define() => new("agent", "Agents beside your databases") { Enroll() };

    private static Command Enroll()
    {
        var id = new Argument<string>("id") { Description = "The agent's name" };
        var resources = new Option<string[]>("--resource") { Description = "A resource that it may serve; may be given several times", HelpName = "id", Required = true };
        return Commands.Make("enroll", "Invites an agent: prints the one-time token of its enrolment", async call =>
        {
            var answer = await Invite(call, call.Value(id), call.Value(resources)!);
            call.Screen.Document(answer.Raw);
            call.Screen.Line(answer.Value.Token);
            call.Screen.Say($"for {answer.Value.Id}, once, until {call.At(answer.Value.ExpiresAt)}: as `enrolmentToken` in its agent.json, or in ACCESSPLANE_ENROLMENT_TOKEN of its first start");
            return Exit.Ok;
        }, id, resources);
    }

    private static async Task<Answer<InvitedShape>> Invite(Call call, string id, string[] resources)
    {
        Task<Answer<InvitedShape>> Ask() => call.Api.Post<InvitedShape>("/v1/agents", new { id, resources }, call.Cancel);
        try
        {
            return await Ask();
        }
        // the token was on its way when the answer was lost, and is not told again: another takes its place
        catch (StopException lost) when (lost.Code == "agent-already-invited")
        {
            return await Ask();
        }
    }
}
