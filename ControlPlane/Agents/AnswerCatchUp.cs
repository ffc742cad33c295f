using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.History;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Sends an agent the state as of now. Its head moves with it: directives that the state covers are not sent any more.</summary>
public sealed class AnswerCatchUp(AgentSights sights, AgentStateBuilder states, AgentTable table, AgentLine line)
{
    public async Task Handle(string agent, CatchUpAsk ask, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(ask);
        if (await sights.WhyNot(new Claim(agent, ask.Epoch, ask.Since, ask.Seen), cancel) is not null)
        {
            return; // its question for a lease is told why
        }
        var known = await states.Current(cancel);
        await table.MoveHead(agent, known.Position, cancel);
        await line.Answer(agent, known.Position, DirectiveKinds.State, states.Of(agent, known), cancel, known.Mark);
    }
}
