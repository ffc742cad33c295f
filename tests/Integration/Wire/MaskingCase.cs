using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Agent.Protocols.PostgreSql;

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

    /// <summary>The same case where the fixture's roles are called otherwise.</summary>
    public MaskingCase With(string owner, string writers)
    {
        string Named(string sql) => sql.Replace("app_owner", owner, StringComparison.Ordinal).Replace("gw_rw", writers, StringComparison.Ordinal);
        return this with { Setup = Setup is null ? null : Named(Setup), Sql = Sql?.Select(Named).ToArray() };
    }

    /// <summary>What the server itself, asked past the agent, answers with true.</summary>
    public string WhetherThereIsASecret => $"select exists (select from ({Sql![0].TrimEnd(' ', ';')}) seen where seen::text like '%{Secrets[0]}%')";

    /// <summary>The same case, said in another way.</summary>
    public MaskingCase Said(Func<string, string> other, string? mode = null) => this with
    {
        Sql = Sql?.Select(other).ToArray(),
        OraclePair = OraclePair?.Select(other).ToArray(),
        Mode = mode ?? Mode,
    };

    /// <summary>Plays statements, and gives everything that came. `pipelined`: all at once, none of them described; `binary`: described, for binary values.</summary>
    public async Task<List<(char Type, byte[] Body)>> Play(RawClient client, IReadOnlyCollection<string> statements)
    {
        var all = new List<(char Type, byte[] Body)>();
        if (Mode == "pipelined")
        {
            await client.Send([.. statements.SelectMany(sql => (byte[][])[RawClient.Parse("", sql), RawClient.Bind("", ""), RawClient.Execute(), RawClient.Sync])]);
            foreach (var _ in statements)
            {
                all.AddRange(await client.UntilReady());
            }
            return all;
        }
        foreach (var sql in statements)
        {
            all.AddRange(Mode switch
            {
                "binary" => await client.Ask(RawClient.Parse("", sql), RawClient.BindForBinary("", ""), RawClient.Describe('P', ""), RawClient.Execute(), RawClient.Sync),
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
                "F" => FunctionCall(line),
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

    /// <summary>`F name(types)::oid text["argument", …] result=text`</summary>
    private static byte[] FunctionCall(string line)
    {
        var oid = line[2..line.IndexOf('(', StringComparison.Ordinal)] switch
        {
            "query_to_xml" => 2925,
            var other => throw new NotSupportedException($"the number of the function {other}"),
        };
        var arguments = JsonSerializer.Deserialize<string[]>(line[line.IndexOf('[', StringComparison.Ordinal)..(line.LastIndexOf(']') + 1)])!;
        var body = new List<byte>();
        void Number(int value, int bytes)
        {
            for (var shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
            {
                body.Add((byte)(value >> shift));
            }
        }
        Number(oid, 4);
        Number(0, 2); // all in text
        Number(arguments.Length, 2);
        foreach (var argument in arguments)
        {
            Number(Encoding.UTF8.GetByteCount(argument), 4);
            body.AddRange(Encoding.UTF8.GetBytes(argument));
        }
        Number(0, 2);
        return PgFrame.Of('F', [.. body]);
    }

    /// <summary>Secrets in what came, joined over rows where the case says so.</summary>
    public IEnumerable<string> Leaks(List<(char Type, byte[] Body)> got)
    {
        var all = new StringBuilder();
        foreach (var (_, body) in got)
        {
            all.Append(Encoding.Latin1.GetString(body)).Append('\n');
        }
        var text = Ids().Replace(all.ToString(), ""); // of whose digits any few may be a secret's too
        var rows = JoinRows ? string.Concat(got.Where(m => m.Type == 'D').SelectMany(m => RawClient.Columns(m.Body))) : "";
        return Secrets.Where(s => text.Contains(s, StringComparison.OrdinalIgnoreCase) || rows.Contains(s, StringComparison.OrdinalIgnoreCase) ||
            (Mode == "binary" && InBinary(s) is { } bytes && text.Contains(Encoding.Latin1.GetString(bytes), StringComparison.Ordinal)));
    }

    [GeneratedRegex("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")]
    private static partial Regex Ids();

    /// <summary>A number, a date or hexadecimal digits as a binary value has them; null for what is text there too.</summary>
    private static byte[]? InBinary(string secret)
    {
        var number = int.TryParse(secret, CultureInfo.InvariantCulture, out var n) ? n
            : DateOnly.TryParse(secret, CultureInfo.InvariantCulture, out var day) ? day.DayNumber - new DateOnly(2000, 1, 1).DayNumber : (int?)null;
        return number is { } found ? [(byte)(found >> 24), (byte)(found >> 16), (byte)(found >> 8), (byte)found]
            : secret.Length % 2 == 0 && secret.Length >= 8 && secret.All(char.IsAsciiHexDigit) ? Convert.FromHexString(secret) : null;
    }

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static string[]? Texts(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(e => e.GetString()!)] : null;

    [GeneratedRegex("""("(\\"|[^"])*")|\S+""")]
    private static partial Regex Parts();
}
