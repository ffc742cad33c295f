namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>How the log says that a statement came out.</summary>
internal static class Outcomes
{
    /// <summary>Of each time that it was recorded.</summary>
    public static async Task<List<string>> Of(Product product, string text)
    {
        var found = (await product.Plane.Api.Get("auditor", $"/v1/audit/operations?text={Uri.EscapeDataString(text)}&limit=200")).Is(200);
        return [.. found.Body.GetProperty("items").EnumerateArray().Where(o => o.GetProperty("text").GetString() == text).Select(o => o.GetProperty("outcome").GetString()!)];
    }
}
