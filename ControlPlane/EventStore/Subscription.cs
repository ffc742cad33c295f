using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Something that follows the log: at least once, in order, by one owner at a time, with a stored checkpoint.</summary>
public abstract class Subscription
{
    /// <summary>Under which the checkpoint is kept.</summary>
    public abstract string Name { get; }

    /// <summary>Stored names of the events it wants; null for all.</summary>
    public abstract IReadOnlyCollection<string>? Types { get; }

    /// <summary>How many events it is handed at most before the checkpoint is stored: what is not to be done twice after a restart is handed one by one.</summary>
    public virtual int MostAtOnce => 500;

    /// <summary>Whether what happened before it first ran is none of its business: it begins at the end of the log, once, and follows from there.</summary>
    public virtual bool StartsNow => false;

    /// <summary>This replica became the owner. State in memory is made here, as of the checkpoint: another replica may have gone on meanwhile.</summary>
    public virtual Task Begin(long checkpoint, CancellationToken cancel) => Task.CompletedTask;

    /// <summary>This replica is the owner no more, or stops: what was begun ends before this returns.</summary>
    public virtual Task End() => Task.CompletedTask;

    /// <summary>Handles events; the checkpoint is stored when this returns. What it throws is logged, and the events come again.</summary>
    public abstract Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel);
}
