using Xunit.v3;

[assembly: CollectionBehavior(typeof(AccessPlane.Tests.EndToEnd.World.Lanes), MaxParallelThreads = 2)]

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>
/// There are two products, the one that <see cref="TestWorld"/> starts and the one for faults. Of one, tests are one after the other: they publish its policy, and
/// kill its processes. The two go side by side, but for <see cref="Alone"/>.
/// </summary>
public sealed class Lanes(IXunitTestAssembly assembly) : TestCollectionFactoryBase(assembly)
{
    private readonly XunitTestCollection world = new(assembly, null, disableParallelization: false, "the product");
    private readonly XunitTestCollection faults = new(assembly, null, disableParallelization: false, "the product that is broken");

    public override string DisplayName => "by product";

    protected override IXunitTestCollection GetDefaultTestCollection(Type testClass)
    {
        ArgumentNullException.ThrowIfNull(testClass);
        return testClass.Namespace == typeof(Faults.BrokerFaults).Namespace ? faults : world;
    }
}

/// <summary>Tests that stop a server which both products use, take the machine for themselves, or count what another test would add to.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
