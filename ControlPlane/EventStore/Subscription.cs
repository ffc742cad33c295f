using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Something that follows the log: at least once, in order, by one active owner among the replicas.</summary>
public abstract class Subscription
{
    public abstract string Name { get; }

    /// <summary>Stored names of the events that it wants; null for all.</summary>
    public abstract IReadOnlyCollection<string>? Types { get; }

    /// <summary>This replica became the owner; state in memory is rebuilt up to the checkpoint here.</summary>
    public virtual Task Begin(long checkpoint, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>The checkpoint is stored after this returns.</summary>
    public abstract Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel);
}

public static class Subscriptions
{
    public static IServiceCollection AddSubscription<T>(this IServiceCollection services)
        where T : Subscription => services.AddSingleton<T>().AddSingleton<Subscription>(s => s.GetRequiredService<T>());
}
