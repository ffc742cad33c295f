namespace AccessPlane.ControlPlane.Audit;

/// <summary>The filter `actor`, for SQL: `issuer|subject` or a name, of the subject or of a link of the chain that acts in the subject's name.</summary>
internal static class ByActor
{
    /// <param name="actor">An expression for the actor as JSON.</param>
    public static string Of(string actor) => $"""
        (({actor} ->> 'issuer') || '|' || ({actor} ->> 'subject') = ? OR {actor} ->> 'name' = ?
            OR EXISTS (SELECT FROM jsonb_array_elements({actor} -> 'act') link WHERE (link ->> 'issuer') || '|' || (link ->> 'subject') = ? OR link ->> 'name' = ?))
        """;
}
