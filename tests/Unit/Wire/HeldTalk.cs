using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Agent;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A client and a server that talk through a session in which every delete waits for people.</summary>
internal sealed class HeldTalk
{
    public HeldTalk()
    {
        Talk = new Talk(Time);
        Talk.Witness.Held.Add("delete");
    }

    public ManualTime Time { get; } = new();
    public ModelServer Server { get; } = new();
    public Talk Talk { get; }

    /// <summary>What was put before people last.</summary>
    public PgHold Parked => Talk.Witness.Parked[^1];

    public string[] Outcomes => [.. Talk.Witness.Results.Select(r => r.Kind)];

    /// <summary>Says it, lets the server answer, and tells what the client got.</summary>
    public string Say(params byte[][] messages)
    {
        Talk.Client(messages);
        return Settle();
    }

    public string Settle()
    {
        while (!Talk.IsOver && Talk.TakeForServer() is { Length: > 0 } bytes)
        {
            Server.Receive(bytes);
            Talk.Server(Server.Take());
        }
        return Frames.Story(Talk.TakeForClient());
    }

    public string Decide(string outcome, string? binding = null, Guid? hold = null, string? comment = null)
    {
        Parked.Decide(new HoldDecision(hold ?? Parked.Id, outcome, binding ?? Parked.Binding, "dba", comment, Time.Wall), Time.GetTimestamp());
        Talk.Wake();
        return Settle();
    }
}
