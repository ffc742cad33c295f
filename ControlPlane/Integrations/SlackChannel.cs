using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>News as messages of an incoming webhook. Where its messages stand nobody says: they stay as they are until somebody presses a button.</summary>
internal sealed class SlackChannel(DestinationOptions options, Poster poster, SlackWords words) : INewsChannel
{
    public const string MediaType = "application/json";

    public async Task<Attempt> Tell(News news, CancellationToken cancel) => await poster.Post(
        options.Address, MediaType, JsonSerializer.SerializeToUtf8Bytes((await words.Of(news, cancel)).ToJson(), Json.Options), [], cancel);
}
