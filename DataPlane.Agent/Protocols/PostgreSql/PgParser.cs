using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// SQL text → facts. Native code over hostile input: size, tokens and nesting are bounded before it is called, and what is not small runs on
/// threads with a large stack, big texts in a lane of their own so that nobody's ordinary statement waits behind them.
/// </summary>
internal sealed class PgParser : IDisposable
{
    private const int BigText = 16 * 1024;
    private const int MaxWaiting = 1024;

    private readonly TimeSpan budget;
    private readonly TimeProvider time;
    private readonly BlockingCollection<Job> ordinary = new(MaxWaiting);
    private readonly BlockingCollection<Job> big = new(MaxWaiting);

    public PgParser(TimeProvider time, TimeSpan? budget = null)
    {
        this.time = time;
        this.budget = budget ?? TimeSpan.FromSeconds(2);
        StartLane(ordinary, "sql-1");
        StartLane(ordinary, "sql-2");
        StartLane(big, "sql-big");
    }

    public PgFactsCache Cache { get; } = new();

    /// <summary>The facts of a text that is small enough to be read here and now; null for what <see cref="Read"/> must be asked.</summary>
    public PgText? ReadSmall(ReadOnlySpan<byte> text)
    {
        if (text.Length > 1024 || !SqlBounds.Of(text).Small || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return null;
        }
        Span<byte> terminated = stackalloc byte[text.Length + 1];
        text.CopyTo(terminated);
        terminated[^1] = 0;
        return Cache.Add(text, WhyUnreadable(text) ?? Parse(terminated));
    }

    /// <summary>Reads on the parser's own threads. Never fails: what cannot be read in time is unknown, and so refused.</summary>
    public async ValueTask<PgText> Read(ReadOnlyMemory<byte> text)
    {
        if (WhyUnreadable(text.Span) is { } unreadable)
        {
            return Unkept(text, unreadable);
        }
        var terminated = new byte[text.Length + 1];
        text.CopyTo(terminated);
        var job = new Job(terminated, new TaskCompletionSource<StatementFacts>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!(text.Length > BigText ? big : ordinary).TryAdd(job))
        {
            return Unkept(text, StatementFacts.NotUnderstood("too many statements are waiting to be read: try again"));
        }
        try
        {
            var facts = await job.Done.Task.WaitAsync(budget, time);
            return Cache.Add(text.Span, facts);
        }
        catch (TimeoutException)
        {
            return Unkept(text, StatementFacts.NotUnderstood("reading it took too long: send less at once"));
        }
    }

    private static PgText Unkept(ReadOnlyMemory<byte> text, StatementFacts facts) => new(text.ToArray(), facts);

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

    private static StatementFacts Parse(ReadOnlySpan<byte> terminated) =>
        PgParserLibrary.Parse(terminated, ReadTree, out var error, out var position) ??
        StatementFacts.NotUnderstood(error!) with { SyntaxErrorAt = position };

    private static StatementFacts ReadTree(ReadOnlySpan<byte> tree)
    {
        var copy = ArrayPool<byte>.Shared.Rent(tree.Length);
        try
        {
            tree.CopyTo(copy);
            return PgTree.Read(copy.AsMemory(0, tree.Length));
        }
        catch (JsonException)
        {
            return StatementFacts.NotUnderstood("its parse tree cannot be read");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }

    private static void StartLane(BlockingCollection<Job> jobs, string name)
    {
        var thread = new Thread(() => Work(jobs), SqlBounds.ParserStack) { Name = name, IsBackground = true };
        thread.Start();
    }

    private static void Work(BlockingCollection<Job> jobs)
    {
        Parse("select 1\0"u8); // the first call on a thread is slow
        foreach (var job in jobs.GetConsumingEnumerable())
        {
            job.Done.SetResult(Parse(job.Terminated));
        }
    }

    public void Dispose()
    {
        ordinary.CompleteAdding();
        big.CompleteAdding();
    }

    private sealed record Job(byte[] Terminated, TaskCompletionSource<StatementFacts> Done);
}
