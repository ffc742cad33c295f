namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>Logins of one group, made ahead of the sessions that will use them: as many as were taken lately, within bounds.</summary>
internal sealed class LoginPool(string group, LoginRoles roles, PgErrands errands, LoginRubbish rubbish, TimeProvider time, ILogger log)
{
    private const int Fewest = 2;
    private const int Most = 32;

    /// <summary>A login is not handed out when its password may be refused before it is used.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly Lock guard = new();
    private readonly Queue<JustInTimeCredential> ready = [];
    private int wanted = Fewest;
    private bool filling;
    private bool closed;

    /// <summary>When one was last taken.</summary>
    public long LastTaken { get; private set; } = time.GetTimestamp();

    /// <summary>The end of what is being made ahead: by then it is ready, or rubbish.</summary>
    public Task Filled { get; private set; } = Task.CompletedTask;

    /// <exception cref="IOException">None can be made.</exception>
    public async Task<JustInTimeCredential> Take(CancellationToken cancel)
    {
        if (TakeReady() is { } known)
        {
            return known;
        }
        var made = roles.New(time.GetUtcNow());
        await Make([made], cancel);
        return made;
    }

    /// <summary>Makes the first ones before anyone comes.</summary>
    public void Warm()
    {
        lock (guard)
        {
            FillUp();
        }
    }

    /// <summary>Those that nobody took are cleared away.</summary>
    public void Close()
    {
        lock (guard)
        {
            closed = true;
            while (ready.TryDequeue(out var login))
            {
                rubbish.Add(login.User);
            }
        }
    }

    private JustInTimeCredential? TakeReady()
    {
        lock (guard)
        {
            LastTaken = time.GetTimestamp();
            JustInTimeCredential? found = null;
            while (found is null && ready.TryDequeue(out var login))
            {
                if (login.Until - time.GetUtcNow() > Margin)
                {
                    found = login;
                }
                else
                {
                    rubbish.Add(login.User);
                }
            }
            // what ran out was too few; what is left over when others were taken is enough
            wanted = found is null ? Math.Min(wanted * 2, Most) : wanted;
            FillUp();
            return found;
        }
    }

    /// <summary>Called under the guard.</summary>
    private void FillUp()
    {
        if (!filling && !closed && ready.Count < wanted)
        {
            filling = true;
            Filled = Task.Run(Fill);
        }
    }

    private async Task Fill()
    {
        try
        {
            List<JustInTimeCredential> made;
            lock (guard)
            {
                made = [.. Enumerable.Range(0, Math.Max(0, wanted - ready.Count)).Select(_ => roles.New(time.GetUtcNow()))];
            }
            await Make(made, CancellationToken.None);
            lock (guard)
            {
                foreach (var login in made)
                {
                    if (closed)
                    {
                        rubbish.Add(login.User);
                    }
                    else
                    {
                        ready.Enqueue(login);
                    }
                }
            }
        }
        catch (Exception failed) when (PgErrands.IsFailure(failed))
        {
            PgLog.NoLogins(log, group, failed); // whoever comes next makes one, or hears why not
        }
        finally
        {
            lock (guard)
            {
                filling = false;
            }
        }
    }

    private async Task Make(List<JustInTimeCredential> logins, CancellationToken cancel)
    {
        try
        {
            await errands.Run(async (own, c) =>
            {
                await LoginRoles.Create(own, group, logins, c);
                return true;
            }, cancel);
        }
        catch
        {
            logins.ForEach(l => rubbish.Add(l.User)); // it may have been done before the answer was lost
            throw;
        }
    }
}
