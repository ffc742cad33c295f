using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Decided elsewhere: a page is to show what came of it.</summary>
internal static class Releases
{
    /// <summary>Lets run what a session waits with, as soon as it does.</summary>
    public static async Task Release(this TestWorld world, string session)
    {
        JsonElement held = default;
        await Wait.Until(async () =>
        {
            held = (await world.Api.Get("dba", $"/v1/holds?awaiting=me&session={session}")).Is(200).Body.GetProperty("items").EnumerateArray().FirstOrDefault();
            return held.ValueKind == JsonValueKind.Object;
        }, 30, () => $"nothing of the session {session} waits");
        (await world.Api.Post("dba", $"/v1/holds/{held.GetProperty("id").GetString()}/reviews", new { verdict = "approve", expectedVersion = held.GetProperty("terms").GetInt32() })).Is(200);
    }
}
