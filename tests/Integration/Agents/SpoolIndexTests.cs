using System.Security.Cryptography;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What a restart needs to know of a session's parts, written by two sides at once.</summary>
public sealed class SpoolIndexTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    /// <summary>The drain seals while receipts of earlier parts come in by the broker: their lines once went over each other, and the transcript could not be taken up.</summary>
    [Fact]
    public async Task Parts_that_are_sealed_while_others_are_accepted_are_all_known_after_a_restart()
    {
        const int Parts = 500;
        var session = Guid.CreateVersion7();
        using (var first = Open())
        {
            var recorder = first.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
            var file = first.Files.Single();
            var done = false;
            var accepting = Task.Run(() =>
            {
                while (!Volatile.Read(ref done))
                {
                    if (file.Oldest() is { } part)
                    {
                        first.Accept(session, part.Number);
                    }
                }
            });
            // as many, and until the other one has had its share of the processors
            for (var i = 0; i < Parts || file.Oldest() is { Number: 1 }; i++)
            {
                recorder.Statement("simple", "select 1"u8, default, SpoolTests.Select, SpoolTests.Allowed);
                file.Seal("a", key);
            }
            Volatile.Write(ref done, true);
            await accepting;
        }
        using var second = Open();
        Assert.Empty(ControlPlaneKey.Recover(second));
        Assert.Equal("lost", SpoolTests.Drained(second, key)[session][^1].Cause);
    }

    private Spool Open() => new(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
}
