using System.Text.Json;
using AccessPlane.Contracts.Events;
using Microsoft.AspNetCore.WebUtilities;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>A button that was pressed, as Slack's payload has it.</summary>
internal sealed record SlackPress(string User, string Team, ReviewVerdict Verdict, SlackChoice Choice, string? ResponseUrl)
{
    private const int LongestId = 50;

    /// <summary>Null where it is no decision of ours.</summary>
    public static SlackPress? Read(string form)
    {
        try
        {
            var payload = QueryHelpers.ParseQuery(form)["payload"].ToString();
            using var document = JsonDocument.Parse(payload.Length > 0 ? payload : "{}");
            var json = document.RootElement;
            if (!json.TryGetProperty("type", out var type) || type.GetString() != "block_actions" || json.GetProperty("actions").GetArrayLength() != 1)
            {
                return null;
            }
            var action = json.GetProperty("actions")[0];
            ReviewVerdict? verdict = action.GetProperty("action_id").GetString() switch
            {
                SlackMessage.Approve => ReviewVerdict.Approve,
                SlackMessage.Deny => ReviewVerdict.Deny,
                _ => null,
            };
            var user = json.GetProperty("user").GetProperty("id").GetString();
            var team = json.TryGetProperty("team", out var of) && of.ValueKind == JsonValueKind.Object && of.TryGetProperty("id", out var id) ? id.GetString() : null;
            return verdict is { } said && user is { Length: > 0 and <= LongestId } && user.All(char.IsAsciiLetterOrDigit) && (team ?? "").Length <= LongestId &&
                SlackChoice.Read(action.GetProperty("value").GetString()) is { } choice
                ? new SlackPress(user, team ?? "", said, choice, json.TryGetProperty("response_url", out var url) ? url.GetString() : null)
                : null;
        }
        catch (Exception bad) when (bad is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return null;
        }
    }
}
