using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>Asks the control plane what becomes of a login without a grant, and waits with the client for the answer.</summary>
public sealed class LoginDesk
{
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan GrantWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan SayAgain = TimeSpan.FromSeconds(30);

    private readonly InForce inForce;
    private readonly AgentIdentity identity;
    private readonly PendingLogins pending;
    private readonly Action<LoginAsk> send;
    private readonly TimeProvider time;

    internal LoginDesk(InForce inForce, AgentIdentity identity, PendingLogins pending, Action<LoginAsk> send, TimeProvider time)
    {
        this.time = time;
        this.inForce = inForce;
        this.identity = identity;
        this.pending = pending;
        this.send = send;
    }

    /// <summary>What the sealed token is bound to.</summary>
    public static string ContextOf(string agent, Guid ask) => $"login\n{agent}\n{ask:D}";

    internal async Task<TokenFinding> Ask(TokenBearer bearer, Func<string, ValueTask> tell, CancellationToken cancel)
    {
        var ask = Guid.CreateVersion7(inForce.Clock.GetUtcNow());
        var answered = pending.Ask(ask);
        try
        {
            var answer = await Answer(
                new LoginAsk(ask, bearer.Resource, bearer.Name, bearer.Client, identity.SealForControlPlane(bearer.Token, ContextOf(identity.Id, ask))), answered, cancel);
            return answer switch
            {
                { State: "granted", Grant: { } grant } => await Granted(g => g.Grant == grant, GrantWithin, cancel),
                { State: "pending", Request: { } request } => await Approved(request, answer, tell, cancel),
                _ => TokenFinding.Refuse("login-refused", answer.Detail),
            };
        }
        catch (TimeoutException)
        {
            return TokenFinding.Refuse("login-timeout", "the control plane did not answer in time: try again");
        }
        finally
        {
            pending.Forget(ask);
        }
    }

    /// <summary>The same ask leads to the same request however often it is sent: one that was lost on the way costs seconds, and not the login.</summary>
    private async Task<LoginAnswer> Answer(LoginAsk ask, Task<LoginAnswer> answered, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            send(ask);
            var left = AnswerWithin - time.GetElapsedTime(began);
            try
            {
                return await answered.WaitAsync(left < AskAgain ? left : AskAgain, time, cancel);
            }
            catch (TimeoutException) when (time.GetElapsedTime(began) < AnswerWithin)
            {
                // asked again
            }
        }
    }

    private async Task<TokenFinding> Approved(Guid request, LoginAnswer answer, Func<string, ValueTask> tell, CancellationToken cancel)
    {
        var closed = pending.Closure(request);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var granted = Granted(g => g.Request == request, Patience, stop.Token);
        try
        {
            while (true)
            {
                await tell(answer.Link is { } link ? $"{answer.Detail}: {link}" : answer.Detail);
                using var again = CancellationTokenSource.CreateLinkedTokenSource(cancel);
                var first = await Task.WhenAny(granted, closed, Task.Delay(SayAgain, time, again.Token));
                await again.CancelAsync();
                cancel.ThrowIfCancellationRequested();
                if (first == closed)
                {
                    return TokenFinding.Refuse("request-closed", (await closed).Why);
                }
                if (first == granted)
                {
                    return await granted;
                }
            }
        }
        catch (TimeoutException)
        {
            return TokenFinding.Refuse("login-timeout", $"request {request:D} is still waiting: connect again when it is approved");
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)granted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pending.ForgetClosure(request);
        }
    }

    /// <summary>Waits until the snapshot holds the grant.</summary>
    private async Task<TokenFinding> Granted(Func<GrantLease, bool> isIt, TimeSpan within, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var changed = inForce.Changed.Next;
            if (inForce.Current.Grants.Values.FirstOrDefault(isIt) is { } grant)
            {
                return new TokenFinding(grant.Grant, null);
            }
            var left = within - time.GetElapsedTime(began);
            await changed.WaitAsync(left > TimeSpan.Zero ? left : throw new TimeoutException(), time, cancel);
        }
    }
}
