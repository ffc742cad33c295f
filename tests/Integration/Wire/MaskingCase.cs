using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>One case of the masking corpus, and how to play it.</summary>
internal sealed partial record MaskingCase(
    string Id, string Mode, string? Setup, string[]? Sql, string[]? OraclePair, string[]? Wire, string[] Secrets, bool JoinRows,
    string[]? Session2, (string, string)[] Startup)
{
    public static IEnumerable<MaskingCase> All => File.ReadLines(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/masking_cases.jsonl"))
        .Where(l => l.Length > 0).Select(l => JsonDocument.Parse(l).RootElement).Select(c => new MaskingCase(
            c.GetProperty("id").GetString()!, c.GetProperty("mode").GetString()!, Text(c, "setup"), Texts(c, "sql"), Texts(c, "oracle_pair"), Texts(c, "wire"),
            Texts(c, "secrets")!, c.TryGetProperty("join_rows", out var join) && join.GetBoolean(), Texts(c, "session2"),
            c.TryGetProperty("startup_params", out var startup) ? [.. startup.EnumerateObject().Select(p => (p.Name, p.Value.GetString()!))] : []));

    /// <summary>The same case, said in another way.</summary>
    public MaskingCase Said(Func<string, string> other, string? mode = null) => this with
    {
        Sql = Sql?.Select(other).ToArray(),
        OraclePair = OraclePair?.Select(other).ToArray(),
        Mode = mode ?? Mode,
    };

    /// <summary>Plays statements, and gives everything that came.</summary>
    public async Task<List<(char Type, byte[] Body)>> Play(RawClient client, IEnumerable<string> statements)
    {
        var all = new List<(char Type, byte[] Body)>();
        foreach (var sql in statements)
        {
            all.AddRange(Mode switch
            {
                "ext-blind" => await client.Ask(RawClient.Parse("", sql), RawClient.Bind("", ""), RawClient.Execute(), RawClient.Sync),
                "ext" => await client.Ask(RawClient.Parse("", sql), RawClient.Bind("", ""), RawClient.Describe('P', ""), RawClient.Execute(), RawClient.Sync),
                _ => await client.Ask(RawClient.Query(sql)),
            });
        }
        return all;
    }

    public async Task<List<(char Type, byte[] Body)>> PlayWire(RawClient client)
    {
        var all = new List<(char Type, byte[] Body)>();
        var unit = new List<byte[]>();
        foreach (var line in Wire!)
        {
            var parts = Parts().Matches(line).Select(m => m.Value.Trim('"').Replace("\\\"", "\"", StringComparison.Ordinal)).ToArray();
            unit.Add(parts[0] switch
            {
                "P" => RawClient.Parse(parts[1], parts[2]),
                "B" => RawClient.Bind(parts[1], parts[2]),
                "D" => RawClient.Describe(parts[1][0], parts[2]),
                "C" => RawClient.Close(parts[1][0], parts[2]),
                "E" => RawClient.Execute(parts[1]),
                "Q" => RawClient.Query(parts[1]),
                "F" => Agent.Protocols.PostgreSql.PgFrame.Of('F', [0, 0, 11, 155, 0, 0, 0, 0, 0, 0]),
                _ => RawClient.Sync,
            });
            if (parts[0] is "S" or "Q" or "F")
            {
                all.AddRange(await client.Ask([.. unit]));
                unit.Clear();
            }
        }
        return all;
    }

    /// <summary>Secrets in what came, joined over rows where the case says so.</summary>
    public IEnumerable<string> Leaks(List<(char Type, byte[] Body)> got)
    {
        var all = new StringBuilder();
        foreach (var (_, body) in got)
        {
            all.Append(Encoding.Latin1.GetString(body)).Append('\n');
        }
        var text = all.ToString();
        var rows = JoinRows ? string.Concat(got.Where(m => m.Type == 'D').SelectMany(m => RawClient.Columns(m.Body))) : "";
        return Secrets.Where(s => text.Contains(s, StringComparison.OrdinalIgnoreCase) || rows.Contains(s, StringComparison.OrdinalIgnoreCase));
    }

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static string[]? Texts(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(e => e.GetString()!)] : null;

    [GeneratedRegex("""("(\\"|[^"])*")|\S+""")]
    private static partial Regex Parts();
}
