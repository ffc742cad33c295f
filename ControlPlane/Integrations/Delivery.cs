using System.Security.Cryptography;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Tries until something is delivered, or patience is over.</summary>
internal sealed partial class Delivery(DestinationOptions options, DestinationState state, TimeProvider clock, ILogger log)
{
    /// <param name="at">When that happened which is told.</param>
    /// <param name="count">How many things one attempt delivers.</param>
    /// <returns>Null where it was delivered.</returns>
    public async Task<Failed?> Persist(Func<CancellationToken, Task<Attempt>> attempt, DateTimeOffset at, int count, Patience patience, CancellationToken cancel)
    {
        var (refusals, refused) = (0, DateTimeOffset.MaxValue);
        for (var failures = 1; ; failures++)
        {
            var made = await Try(attempt, cancel);
            if (made.Failure is not { } why)
            {
                state.Works(count);
                return null;
            }
            var now = clock.GetUtcNow();
            state.Fails(why, now, at);
            (refusals, refused) = made.OfThis ? (refusals + 1, refusals == 0 ? now : refused) : (0, DateTimeOffset.MaxValue);
            if (patience.IsOver(now - at, refusals, now - refused))
            {
                return new Failed(failures, why);
            }
            var pause = Backoff.Pause(failures, options.FirstPause, options.LongestPause, made.RetryAfter, RandomNumberGenerator.GetInt32(1001) / 1000.0);
            // the age is looked at again when it is reached, and not a long pause later
            var left = patience.Age is { } bound ? at + bound - now : pause;
            LogFailed(state.Name, failures, why, pause.TotalSeconds);
            await Task.Delay(pause < left ? pause : left, clock, cancel);
        }
    }

    /// <summary>Others go on without it.</summary>
    /// <param name="kind">What was to be told, because of the event at a position.</param>
    public void GiveUp(string kind, long position, Failed failed)
    {
        state.GaveUp();
        LogGivenUp(state.Name, kind, position, failed.Attempts, failed.Why);
    }

    private async Task<Attempt> Try(Func<CancellationToken, Task<Attempt>> attempt, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.Timeout);
        try
        {
            return await attempt(limit.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return Attempt.Failed("does not answer in time");
        }
        // a destination's fault is that destination's own. Texts of exceptions hold addresses, which may be secrets.
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return Attempt.Failed(failure is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } http
                ? $"cannot be reached: {http.HttpRequestError}"
                : $"cannot be reached: {failure.GetType().Name}");
        }
    }

    [LoggerMessage(LogLevel.Warning, "the destination `{Name}` failed, attempt {Attempt}: {Why}; next in {Pause} s")]
    private partial void LogFailed(string name, int attempt, string why, double pause);

    [LoggerMessage(LogLevel.Error, "the destination `{Name}` is not told `{Kind}` of position {Position}, given up after {Attempts} attempts: {Why}")]
    private partial void LogGivenUp(string name, string kind, long position, int attempts, string why);
}
