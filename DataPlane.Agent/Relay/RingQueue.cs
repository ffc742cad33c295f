namespace AccessPlane.Agent.Relay;

/// <summary>The two queues that an io_uring shares with the kernel, for the one thread that made it. They live as long as the process.</summary>
internal sealed unsafe class RingQueue
{
    private const uint Submissions = 1024;
    private const uint Completions = 8192;

    private readonly int file;
    private readonly uint* submissionHead;
    private readonly uint* submissionTail;
    private readonly uint submissionMask;
    private readonly RingCalls.Submission* submissions;
    private readonly uint* completionHead;
    private readonly uint* completionTail;
    private readonly uint completionMask;
    private readonly RingCalls.Completion* completions;
    private uint unsubmitted;

    private RingQueue(int file, in RingCalls.Parameters p)
    {
        this.file = file;
        var length = Math.Max(p.Submission.Array + (p.SubmissionEntries * sizeof(uint)), p.Completion.Completions + (p.CompletionEntries * (uint)sizeof(RingCalls.Completion)));
        var queues = RingCalls.Map(file, length, entries: false);
        submissionHead = (uint*)(queues + p.Submission.Head);
        submissionTail = (uint*)(queues + p.Submission.Tail);
        submissionMask = *(uint*)(queues + p.Submission.Mask);
        completionHead = (uint*)(queues + p.Completion.Head);
        completionTail = (uint*)(queues + p.Completion.Tail);
        completionMask = *(uint*)(queues + p.Completion.Mask);
        completions = (RingCalls.Completion*)(queues + p.Completion.Completions);
        submissions = (RingCalls.Submission*)RingCalls.Map(file, p.SubmissionEntries * (uint)sizeof(RingCalls.Submission), entries: true);
        var order = (uint*)(queues + p.Submission.Array);
        for (var i = 0u; i < p.SubmissionEntries; i++)
        {
            order[i] = i;
        }
    }

    /// <summary>Null where the kernel has no such thing, or allows none.</summary>
    public static RingQueue? Open() => RingCalls.SetUp(Submissions, Completions, out var parameters) is var file and >= 0 ? new RingQueue(file, parameters) : null;

    public bool HasCompletions => *completionHead != Volatile.Read(ref *completionTail);

    /// <summary>The next submission, empty, to be filled in before anything else is asked for.</summary>
    public ref RingCalls.Submission Next()
    {
        var tail = *submissionTail;
        while (tail - Volatile.Read(ref *submissionHead) > submissionMask)
        {
            Submit(0);
        }
        ref var submission = ref submissions[tail & submissionMask];
        submission = default;
        Volatile.Write(ref *submissionTail, tail + 1); // read by the kernel no sooner than in Submit
        unsubmitted++;
        return ref submission;
    }

    /// <summary>Hands everything over that was filled in, and waits for as many completions.</summary>
    public void Submit(uint waitFor)
    {
        var done = RingCalls.Submit(file, unsubmitted, waitFor);
        if (done >= 0)
        {
            unsubmitted -= (uint)done;
        }
        else if (-done is not (RingCalls.EINTR or RingCalls.EAGAIN or RingCalls.EBUSY))
        {
            throw new InvalidOperationException($"the ring failed with error {-done}");
        }
    }

    public bool TryTake(out RingCalls.Completion completion)
    {
        var head = *completionHead;
        if (head == Volatile.Read(ref *completionTail))
        {
            completion = default;
            return false;
        }
        completion = completions[head & completionMask];
        Volatile.Write(ref *completionHead, head + 1);
        return true;
    }
}
