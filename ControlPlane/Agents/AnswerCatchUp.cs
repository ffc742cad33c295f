using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Sends an agent the state as of now. Its head moves with it: directives that the state covers are not sent any more.</summary>
public sealed class AnswerCatchUp(AgentStateBuilder states, AgentTable table, AgentLine line)
{
    public async Task Handle(string agent, CancellationToken cancel)
    {
        var known = await states.Current(cancel);
        await table.MoveHead(agent, known.Position, cancel);
        await line.Answer(agent, known.Position, DirectiveKinds.State, states.Of(agent, known), cancel);
    }
}
