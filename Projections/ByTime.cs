namespace AccessPlane.Projections;

/// <summary>Rows in the order of time, where their keys are in none.</summary>
internal static class ByTime
{
    /// <summary>The time and the row's id, as text: times are written in UTC with a fraction as long as need be, and `-` is before `.` and every digit.</summary>
    /// <param name="member">The time's name in the row.</param>
    public static string Column(string name, string member) =>
        $"{name} text COLLATE \"C\" GENERATED ALWAYS AS (replace(row ->> '{member}', '+00:00', '-') || (row ->> 'id')) STORED";
}
