using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// Slack's Web API, with the token of a bot. It answers 200 whatever became of a call: whether it worked, the word for why it did not and where a message stands are
/// read, and nothing else.
/// </summary>
internal sealed class SlackApi(DestinationOptions options, Poster poster)
{
    public const string Address = "https://slack.com/api/";
    private const int LongestWord = 60;

    /// <summary>It is this message that is not taken: any other may be.</summary>
    private static readonly string[] OfThis = ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"];

    public Task<SlackAnswer> Post(JsonObject message, CancellationToken cancel)
    {
        message["channel"] = options.Channel;
        return Call("chat.postMessage", message, cancel);
    }

    public Task<SlackAnswer> Update(SlackPlace at, JsonObject message, CancellationToken cancel)
    {
        (message["channel"], message["ts"]) = (at.Channel, at.Timestamp);
        return Call("chat.update", message, cancel);
    }

    private async Task<SlackAnswer> Call(string method, JsonObject message, CancellationToken cancel)
    {
        var (attempt, answer) = await poster.Ask(
            new Uri($"{options.Address.AbsoluteUri.TrimEnd('/')}/{method}"), SlackChannel.MediaType, JsonSerializer.SerializeToUtf8Bytes(message, Json.Options),
            [("Authorization", $"Bearer {SecretFiles.Read(options.TokenFile!)}")], cancel);
        return attempt.Failure is null ? Read(answer) : new SlackAnswer(attempt);
    }

    private static SlackAnswer Read(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            var root = json.RootElement;
            if (root.GetProperty("ok").GetBoolean())
            {
                return new SlackAnswer(
                    Attempt.Delivered, At: new SlackPlace(root.GetProperty("channel").GetString() ?? "", root.GetProperty("ts").GetString() ?? ""));
            }
            // a word of theirs stands in our health: only if it is one
            var word = root.TryGetProperty("error", out var error) ? error.GetString() : null;
            word = word is { Length: > 0 and <= LongestWord } && word.All(c => char.IsAsciiLetterLower(c) || c == '_') ? word : "an error";
            return new SlackAnswer(OfThis.Contains(word) ? Attempt.Unwanted($"answers {word}") : Attempt.Failed($"answers {word}"), word);
        }
        catch (Exception strange) when (strange is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return new SlackAnswer(Attempt.Failed("answers what cannot be read"));
        }
    }
}

/// <param name="Error">Slack's own word, where Slack itself has answered.</param>
/// <param name="At">Where the message stands.</param>
internal sealed record SlackAnswer(Attempt Attempt, string? Error = null, SlackPlace? At = null);

/// <param name="Timestamp">By which a channel knows a message.</param>
internal sealed record SlackPlace(string Channel, string Timestamp);
