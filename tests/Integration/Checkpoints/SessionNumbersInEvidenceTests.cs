using AccessPlane.Contracts;
using AgentState = AccessPlane.ControlPlane.Agents.Agent;
using AccessPlane.ControlPlane.Sessions;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>A session that was taken out of the log before any checkpoint held it: only its agent's count of sessions tells.</summary>
public sealed class SessionNumbersInEvidenceTests : IDisposable
{
    private readonly MadeEvidence made = new();

    public SessionNumbersInEvidenceTests()
    {
        new MadeSession(made, 1).Says("select 1").Ends();
        new MadeSession(made, 3).Says("select 3").Ends();
    }

    public void Dispose() => made.Dispose();

    private async Task<OfflineVerifier.Said> Verified() => await OfflineVerifier.Verify(made.Pack(World.Noon).Sealed());

    [Fact]
    public async Task One_that_is_not_there_hours_after_a_later_one_came_is_found()
    {
        made.Now = World.Noon.AddHours(2);
        (await Verified()).IsWrong($"agent {MadeEvidence.Agent}: its session number 2 is not here, and the log does not say that it never came");
    }

    [Fact]
    public async Task Among_the_newest_it_may_be_on_its_way_and_that_is_said()
    {
        var said = await Verified();
        said.IsRight();
        Assert.Contains($"note: agent {MadeEvidence.Agent}: its session number 2 is not here: it may be on its way", said.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_the_log_says_never_came_is_known_to_be_missing()
    {
        var never = WatchSessionNumbers.Decide(AgentState.Initial, MadeEvidence.Agent, 2, SessionNumbers.Missing);
        made.Append(Ids.Agent(MadeEvidence.Agent), Assert.Single(Assert.IsType<Outcome.Happened>(never).Events));
        made.Now = World.Noon.AddHours(2);
        var said = await Verified();
        said.IsRight();
        Assert.Contains("the agent's session number 2 never arrived", said.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_names_another_before_it_than_there_is_is_found()
    {
        var fourth = new MadeSession(made, 4, previous: new MadeSession(made, 5).Id);
        (await Verified()).IsWrong($"session {fourth.Id}: another session than number 3 of the agent {MadeEvidence.Agent} came before it");
    }
}
