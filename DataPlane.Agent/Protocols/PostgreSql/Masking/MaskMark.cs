using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What is written on a group: where it is used, when it was last needed, and by whom: agents with one role share it.</summary>
internal sealed record MaskMark(string Agent, string Resource, string Database, DateTimeOffset Used)
{
    public static string Sql(string group, MaskMark mark) => $"comment on role {MaskSql.Name(group)} is {MaskSql.Text(JsonSerializer.Serialize(mark, Json.Options))}";

    /// <returns>Null where it says something else.</returns>
    public static MaskMark? Of(string? comment)
    {
        try
        {
            return comment is null ? null : JsonSerializer.Deserialize<MaskMark>(comment, Json.Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
