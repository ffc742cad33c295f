using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// SQL text → facts. Native code over hostile input: size, tokens and nesting are bounded before it is called, and what is not small runs on
/// threads with a large stack, big texts in a lane of their own so that nobody's ordinary statement waits behind them.
/// </summary>
internal sealed class PgParser : IDisposable
{
    /// <summary>Why a text was not understood that could not be read in time.</summary>
    public const string TooSlow = "reading it took too long: send less at once";

    /// <summary>The same, of a text that nobody came to: it may be the smallest.</summary>
    public const string TooMany = "too many statements are waiting to be read: try again";

    /// <summary>Threads that may be started in the place of ones that do not come back, at a time.</summary>
    private const int MostSpare = 4;

    private const int BigText = 16 * 1024;
    private const int MaxWaiting = 1024;

    private readonly TimeSpan budget;
    private readonly TimeProvider time;
    private readonly BlockingCollection<Job> ordinary = new(MaxWaiting);
    private readonly BlockingCollection<Job> big = new(MaxWaiting);
    private int spare;

    public PgParser(TimeProvider time, TimeSpan? budget = null)
    {
        this.time = time;
        this.budget = budget ?? TimeSpan.FromSeconds(2);
        StartLane(ordinary, "sql-1");
        StartLane(ordinary, "sql-2");
        StartLane(big, "sql-big");
    }

    /// <summary>The facts of a text that is small enough to be read here and now; null for what <see cref="Read"/> must be asked.</summary>
    public static StatementFacts? ReadSmall(ReadOnlySpan<byte> text, PgAnalyst analyst) => ReadSmall(text, analyst, out _);

    /// <param name="numbersMatter">As <see cref="PgAnalyst"/> says it.</param>
    public static StatementFacts? ReadSmall(ReadOnlySpan<byte> text, PgAnalyst analyst, out bool numbersMatter)
    {
        numbersMatter = true;
        if (text.Length > 1024 || !SqlBounds.Of(text).Small || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return null;
        }
        Span<byte> terminated = stackalloc byte[text.Length + 1];
        text.CopyTo(terminated);
        terminated[^1] = 0;
        return WhyUnreadable(text) ?? Parse(terminated, analyst, mayReadMore: false, default, out numbersMatter);
    }

    /// <summary>Reads on the parser's own threads. Never fails: what cannot be read in time is unknown, and so refused.</summary>
    /// <returns>The facts, and whether they are worth keeping.</returns>
    public async ValueTask<(StatementFacts Facts, bool MayKeep)> Read(ReadOnlyMemory<byte> text, PgAnalyst analyst)
    {
        if (WhyUnreadable(text.Span) is { } unreadable)
        {
            return (unreadable, false);
        }
        var terminated = new byte[text.Length + 1];
        text.CopyTo(terminated);
        var job = new Job(terminated, analyst, new TaskCompletionSource<StatementFacts>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!(text.Length > BigText ? big : ordinary).TryAdd(job))
        {
            return (StatementFacts.NotUnderstood(TooMany), false);
        }
        try
        {
            return (await job.Done.Task.WaitAsync(budget, time), true);
        }
        catch (TimeoutException)
        {
            return (StatementFacts.NotUnderstood(job.GiveUp(this) ? TooSlow : TooMany), false);
        }
    }

    private static StatementFacts? WhyUnreadable(ReadOnlySpan<byte> text)
    {
        if (text.Length > SqlBounds.MaxText)
        {
            return StatementFacts.NotUnderstood($"it is longer than {SqlBounds.MaxText:N0} bytes");
        }
        if (text.Contains((byte)0) || !System.Text.Unicode.Utf8.IsValid(text))
        {
            return StatementFacts.NotUnderstood("it is not valid UTF-8 text");
        }
        return SqlBounds.Of(text).WhyTooBig is { } why ? StatementFacts.NotUnderstood(why) : null;
    }

    /// <param name="text">The same without its end; not needed where nothing more may be read.</param>
    /// <returns>Null where more would have to be read, and may not be.</returns>
    private static StatementFacts? Parse(
        ReadOnlySpan<byte> terminated, PgAnalyst analyst, bool mayReadMore, ReadOnlyMemory<byte> text, out bool numbersMatter)
    {
        StatementFacts? facts = null;
        var matter = true;
        var shown = PgParserLibrary.Parse<object>(
            terminated, tree => PgGrammar.Show(tree, json => facts = analyst.Read(json, text.Span, mayReadMore, out matter)) ?? StatementFacts.NotUnderstood("its parse tree cannot be read"),
            out var error, out var position);
        numbersMatter = matter;
        return error is not null ? StatementFacts.NotUnderstood(error) with { SyntaxErrorAt = position } : shown as StatementFacts ?? facts;
    }

    private void StartLane(BlockingCollection<Job> jobs, string name)
    {
        var thread = new Thread(() => Work(new Lane(jobs, name)), SqlBounds.ParserStack) { Name = name, IsBackground = true };
        thread.Start();
    }

    private void Work(Lane lane)
    {
        var nothing = new PgAnalyst(PgCatalog.Unknown, PgGrammar.Native);
        Parse("select 1\0"u8, nothing, mayReadMore: true, default, out _); // the first call on a thread is slow
        foreach (var job in lane.Jobs.GetConsumingEnumerable())
        {
            if (job.Begin(lane))
            {
                job.Done.TrySetResult(Parse(job.Terminated, job.Analyst, mayReadMore: true, job.Terminated.AsMemory(0, job.Terminated.Length - 1), out _)!);
            }
            if (lane.IsReplaced)
            {
                Interlocked.Decrement(ref spare);
                return; // another does its work by now
            }
        }
    }

    /// <summary>A lane that does not come back in time must not keep what waits behind it: another takes its place.</summary>
    private void Replace(Lane lane)
    {
        if (Interlocked.Increment(ref spare) > MostSpare || !lane.Leave())
        {
            Interlocked.Decrement(ref spare);
            return;
        }
        StartLane(lane.Jobs, lane.Name);
    }

    public void Dispose()
    {
        ordinary.CompleteAdding();
        big.CompleteAdding();
    }

    private sealed class Lane(BlockingCollection<Job> jobs, string name)
    {
        private int replaced;

        public BlockingCollection<Job> Jobs { get; } = jobs;
        public string Name { get; } = name;
        public bool IsReplaced => Volatile.Read(ref replaced) == 1;

        /// <returns>False when it has been left before.</returns>
        public bool Leave() => Interlocked.Exchange(ref replaced, 1) == 0;
    }

    private sealed record Job(byte[] Terminated, PgAnalyst Analyst, TaskCompletionSource<StatementFacts> Done)
    {
        private static readonly Lane Nobody = new([], "");
        private Lane? by;

        /// <returns>False when nobody waits for it any more.</returns>
        public bool Begin(Lane lane) => Interlocked.CompareExchange(ref by, lane, null) is null;

        /// <returns>Whether it had been begun.</returns>
        public bool GiveUp(PgParser parser)
        {
            if (Interlocked.CompareExchange(ref by, Nobody, null) is not { } stuck)
            {
                return false;
            }
            parser.Replace(stuck);
            return true;
        }
    }
}
