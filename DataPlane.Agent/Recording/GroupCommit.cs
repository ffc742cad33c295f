using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Makes records durable, those of many sessions at once: whoever comes while the disk is busy waits for the next turn, and one turn serves all who
/// wait. A session alone is flushed by its own file; several, and those whose file is new, by the file system that holds the spool.
/// </summary>
/// <param name="folder">A file of the file system that holds the spool.</param>
internal sealed class GroupCommit(SpoolDisk disk, SafeFileHandle folder, TimeProvider clock) : IThreadPoolWorkItem
{
    private readonly Lock guard = new();
    private readonly FlushTimes times = new(clock);
    private List<Waiter> waiting = [];
    private List<Waiter> served = [];
    private bool running;

    public TimeSpan Slowest => times.Slowest;

    /// <summary>Completes when everything that the caller wrote before is durable.</summary>
    /// <param name="isNew">The file was made since it was flushed last: its name must become durable too.</param>
    /// <exception cref="IOException">The disk failed: it must be taken for lost.</exception>
    public Task Join(SafeFileHandle file, bool isNew)
    {
        var waiter = new Waiter(file, isNew);
        lock (guard)
        {
            waiting.Add(waiter);
            if (running)
            {
                return waiter.Done.Task;
            }
            running = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return waiter.Done.Task;
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (Next())
        {
            if (OperatingSystem.IsLinux() && (served.Count > 1 || served[0].IsNew))
            {
                Serve(served, () => disk.FlushAll(folder));
            }
            else
            {
                served.ForEach(w => Serve([w], () => disk.Flush(w.File)));
            }
            served.Clear();
        }
    }

    private void Serve(List<Waiter> waiters, Action flush)
    {
        try
        {
            times.Take(flush);
            waiters.ForEach(w => w.Done.SetResult());
        }
        catch (Exception failed) when (failed is IOException or ObjectDisposedException)
        {
            waiters.ForEach(w => w.Done.SetException(new IOException("the record did not reach the disk", failed)));
        }
    }

    private bool Next()
    {
        lock (guard)
        {
            (waiting, served) = (served, waiting);
            return running = served.Count > 0;
        }
    }

    private sealed record Waiter(SafeFileHandle File, bool IsNew)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
