using Microsoft.AspNetCore.Components;

namespace AccessPlane.ControlPlane.Console;

/// <summary>Something shown that is read again when what it shows has changed, wherever that was changed.</summary>
public abstract class LivePage : ComponentBase, IDisposable
{
    /// <summary>Between two readings at least: a busy log must not make pages read all the time.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(300);

    /// <summary>Whatever happens, it is read again after this: news may be lost.</summary>
    private static readonly TimeSpan BackedUp = TimeSpan.FromSeconds(30);
    private readonly CancellationTokenSource gone = new();

    protected LivePage() => Gone = gone.Token;

    [Inject] protected ConsoleApi Api { get; set; } = null!;
    [Inject] protected TimeProvider Clock { get; set; } = null!;
    [Inject] private IServiceProvider Services { get; set; } = null!;

    /// <summary>Ends with the page, which may be left while it is read.</summary>
    protected CancellationToken Gone { get; }

    protected bool Loaded { get; private set; }

    /// <summary>Stored names of events that may change what is shown.</summary>
    protected abstract bool Concerns(string kind);

    protected abstract Task Load();

    protected override async Task OnInitializedAsync()
    {
        var news = Services.GetRequiredService<LogNews>();
        var seen = news.Of(Concerns); // before reading: what happens meanwhile is news
        await Load();
        Loaded = true;
        _ = Follow(news, seen);
    }

    /// <summary>Reads again now: after a command of one's own.</summary>
    protected async Task Again()
    {
        await Load();
        StateHasChanged();
    }

    private async Task Follow(LogNews news, long seen)
    {
        try
        {
            while (true)
            {
                await Task.WhenAny(news.After(seen, Concerns, Gone), Task.Delay(BackedUp, Clock, Gone));
                Gone.ThrowIfCancellationRequested();
                seen = news.Of(Concerns);
                await InvokeAsync(Again);
                await Task.Delay(Pause, Clock, Gone);
            }
        }
        catch (OperationCanceledException)
        {
            // the page is gone
        }
        catch (Exception failure)
        {
            await DispatchExceptionAsync(failure);
        }
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            gone.Cancel();
            gone.Dispose();
        }
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }
}
