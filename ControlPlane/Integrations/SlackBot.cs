namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// News as messages of a bot, which can change what it has said: whatever is told later of the same request or operation, decided here or elsewhere, takes the place of
/// the earlier messages' buttons.
/// </summary>
internal sealed partial class SlackBot(SlackApi api, SlackMessages messages, SlackWords words, ILogger log) : INewsChannel
{
    public async Task<Attempt> Tell(News news, CancellationToken cancel)
    {
        foreach (var (earlier, at) in (await messages.About(news.About, cancel)).Where(m => m.News != news.Id))
        {
            var changed = await api.Update(at, words.WithoutButtons(news), cancel);
            if (changed is { Attempt.Failure: not null, Error: null or "ratelimited" })
            {
                return changed.Attempt;
            }
            // somebody deleted it, or it may not be changed any more: that is not mended by waiting, and the news must go on
            if (changed.Error is { } why)
            {
                LogNotChanged(why);
            }
            await messages.Forget(earlier, cancel);
        }
        var message = await words.Of(news, cancel);
        var said = await api.Post(message.ToJson(), cancel);
        if (said.At is { } place && message.Buttons is not null)
        {
            await messages.Remember(news, place, cancel);
        }
        return said.Attempt;
    }

    [LoggerMessage(LogLevel.Warning, "a message in Slack keeps buttons that decide nothing any more: {Why}")]
    private partial void LogNotChanged(string why);
}
