using System.Globalization;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>Of everything that was recorded, whoever did it: the evaluator, asked again, says what the record says.</summary>
internal static class EveryOperation
{
    /// <summary>Operations that differ in nothing that a ruling depends on, and in nothing of the ruling, are one. What names facts that went with a segment
    /// that never came is a finding of its session already.</summary>
    private const string Different = """
        SELECT DISTINCT ON (o.facts_hash, o.scope_hash, o.in_transaction, o.policy, o.row -> 'verdict', o.row -> 'reasons', s.row -> 'holder', s.row -> 'entitlement', s.resource)
               o.session, o.row ->> 'op'
        FROM accessplane.p_operations o JOIN accessplane.p_sessions s ON s.key = o.session WHERE s.row -> 'gaps' = '[]'
        """;

    /// <returns>How many different ones there were.</returns>
    public static async Task<int> IsExplained(Api api, string log)
    {
        var different = new List<(string Session, string Op)>();
        await using (var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(log) { Pooling = false }.ConnectionString))
        {
            await connection.OpenAsync();
            await using var command = new NpgsqlCommand(Different, connection);
            await using var rows = await command.ExecuteReaderAsync();
            while (await rows.ReadAsync())
            {
                different.Add((rows.GetString(0), rows.GetString(1)));
            }
        }
        foreach (var (session, op) in different)
        {
            await IsExplained(api, session, long.Parse(op, CultureInfo.InvariantCulture));
        }
        return different.Count;
    }

    public static async Task IsExplained(Api api, string session, long op)
    {
        var explanation = (await api.Get("auditor", $"/v1/audit/operations/{session}/{op}/explanation")).Is(200).Body;
        var basis = explanation.GetProperty("basis").GetString();
        Assert.True(basis == "policy" ? explanation.GetProperty("agrees").GetBoolean() : basis == "session", explanation.ToString());
    }
}
