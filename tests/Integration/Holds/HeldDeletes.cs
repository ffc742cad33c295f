using System.Diagnostics;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Holds;

/// <summary>A table whose rows nobody deletes before somebody has said yes.</summary>
internal static class HeldDeletes
{
    private static readonly Who Dba = Who.Nobody with { Groups = ["dba"] };

    public static Guardrail Deletes(Effect effect = Effect.Hold, double seconds = 60, double inTransaction = 30) => new(
        "bulk", "orders", Match.Everything with { Statements = ["delete"] }, effect, "somebody must look at it first",
        effect == Effect.Hold ? new HoldTerms(Dba, 1, TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(inTransaction)) : null);

    /// <summary>An agent that holds deletes, in front of a table `h` with ten rows.</summary>
    public static async Task<WireAgent> Start(double seconds = 60, double inTransaction = 30, bool tls = false)
    {
        var agent = await WireAgent.Start(new WireOptions(Tls: tls));
        await agent.Directly("create table h (a int)", "insert into h select generate_series(1, 10)", "analyze h", $"grant all on h to {agent.Database}");
        agent.Guard(Deletes(seconds: seconds, inTransaction: inTransaction));
        return agent;
    }

    public static async Task<long> Left(WireAgent agent) => (long)(await agent.Ask("select count(*) from h"))!;

    public static async Task<byte[]> Notice(RawClient client)
    {
        var (type, body) = (await client.Read())!.Value;
        Assert.Equal('N', type);
        return body;
    }

    public static bool Says(WireAgent agent, params string[] parts) =>
        agent.Transcript().Any(line => parts.All(p => line.Contains(p, StringComparison.Ordinal)));

    public static async Task Until(Func<bool> holds)
    {
        var patience = Stopwatch.StartNew();
        while (!holds())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), "it did not come to that");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }
}
