using System.Buffers;
using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;
using System.Xml.Linq;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>
/// Looks for secrets where none may be: for every one that it was told of, as it is and in base64, and for whatever has the form of one. Says where
/// it found what kind of secret, and never the secret itself.
/// </summary>
internal sealed partial class SecretSweep
{
    /// <summary>Shorter texts would be found by accident.</summary>
    private const int Shortest = 12;
    private static readonly string[] SecretMembers = ["password", "token", "enrolmentToken", "brokerPassword", "accessToken", "refreshToken", "refresh_token", "access_token", "id_token", "d", "p", "q", "dp", "dq", "qi"];
    private readonly ConcurrentDictionary<string, string> known = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<(string Where, string Text)> heard = [];
    private readonly SortedDictionary<string, int> found = new(StringComparer.Ordinal);
    private SearchValues<string>? search;

    /// <summary>Of everything that tests have started as processes: what one of them made is looked for in what any other has written.</summary>
    public static SecretSweep OfTheRun { get; } = new();

    /// <summary>How many secrets are looked for.</summary>
    public int Known => known.Count;

    /// <summary>How many texts were looked at: a sweep that looked at nothing finds nothing.</summary>
    public long Looked { get; private set; }

    /// <summary>Where what was found: `place: kind (times)`.</summary>
    public IReadOnlyList<string> Found => [.. found.Select(f => $"{f.Key} ({f.Value} times)")];

    /// <param name="what">For people: what kind of secret.</param>
    public void Knows(string what, string? secret)
    {
        if (secret?.Trim() is { Length: >= Shortest } text)
        {
            known.TryAdd(text, what);
            search = null;
        }
    }

    /// <summary>Whatever an answer of the API tells once, and the private parts of a JWK.</summary>
    public void KnowsOf(JsonElement answer)
    {
        switch (answer.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var member in answer.EnumerateObject())
                {
                    if (IsSecret(member))
                    {
                        Knows($"a `{member.Name}`", member.Value.GetString());
                    }
                    KnowsOf(member.Value);
                }
                break;
            case JsonValueKind.Array:
                foreach (var item in answer.EnumerateArray())
                {
                    KnowsOf(item);
                }
                break;
        }
    }

    /// <summary>All else that such an answer says: no secret may stand there, not even its own.</summary>
    public static string Beside(JsonElement answer) => string.Join('\n', Texts(answer));

    /// <summary>
    /// The secrets in a file: the lines of a private key's body, the secret members of JSON, the values of a key in XML, bytes as text may have them, or all that stands
    /// in it.
    /// </summary>
    public void KnowsFile(string path)
    {
        var (bytes, what) = (File.ReadAllBytes(path), $"what stands in the file `{Path.GetFileName(path)}`");
        if (!Utf8.IsValid(bytes) || bytes.Contains((byte)0))
        {
            foreach (var form in (string[])[Convert.ToBase64String(bytes), Convert.ToHexString(bytes), Convert.ToHexStringLower(bytes)])
            {
                Knows(what, form);
            }
            return;
        }
        var text = Encoding.UTF8.GetString(bytes).TrimStart((char)0xFEFF);
        if (text.StartsWith('<'))
        {
            foreach (var value in XDocument.Parse(text).Descendants("value"))
            {
                Knows(what, value.Value);
            }
            return;
        }
        if (text.StartsWith('{') || text.StartsWith('['))
        {
            using var json = JsonDocument.Parse(text);
            KnowsOf(json.RootElement);
            return;
        }
        foreach (var secret in text.Contains("PRIVATE KEY", StringComparison.Ordinal)
            ? text.Split('\n').Where(l => !l.StartsWith("-----", StringComparison.Ordinal))
            : [text])
        {
            Knows(what, secret);
        }
    }

    /// <summary>To be looked at when all secrets are known.</summary>
    public void Hears(string where, string text) => heard.Enqueue((where, text));

    public void LookAtWhatWasHeard()
    {
        foreach (var (where, text) in heard)
        {
            Look(where, text);
        }
    }

    public void Look(string where, string text)
    {
        Looked++;
        var search = this.search ??= SearchValues.Create([.. known.Keys.SelectMany(Forms)], StringComparison.Ordinal);
        var rest = text.AsSpan();
        while (rest.IndexOfAny(search) is >= 0 and var at)
        {
            var hit = rest[at..].ToString();
            var secret = known.First(k => Forms(k.Key).Any(f => hit.StartsWith(f, StringComparison.Ordinal)));
            Note(where, secret.Value);
            rest = rest[(at + Shortest)..];
        }
        if (Shapes().IsMatch(text))
        {
            Note(where, "something that has the form of a token, a ticket or a private key");
        }
    }

    /// <summary>Every file below a folder, whatever is in it.</summary>
    public void LookInFiles(string folder, Func<string, bool>? but = null)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(p => but?.Invoke(p) != true))
        {
            LookInFile(path);
        }
    }

    public void LookInFile(string path)
    {
        // secrets are ASCII: in Latin-1 every byte is a character, and no file is unreadable
        foreach (var line in File.ReadLines(path, Encoding.Latin1))
        {
            Look(path, line);
        }
    }

    /// <summary>Every row of every table of a database, in PostgreSQL's text form.</summary>
    public async Task LookInDatabase(string connection, string called)
    {
        await using var database = new NpgsqlConnection($"{connection};Server Compatibility Mode=NoTypeLoading");
        await database.OpenAsync();
        var tables = new List<string>();
        await using (var list = new NpgsqlCommand(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema') order by 1", database))
        await using (var rows = await list.ExecuteReaderAsync())
        {
            while (await rows.ReadAsync())
            {
                tables.Add(rows.GetString(0));
            }
        }
        foreach (var table in tables)
        {
            await using var all = new NpgsqlCommand($"select t::text from {table} t", database);
            await using var rows = await all.ExecuteReaderAsync();
            while (await rows.ReadAsync())
            {
                // jsonb within a row's text form has its quotes doubled; no secret has any
                Look($"{called} {table}", rows.GetString(0));
            }
        }
    }

    private static bool IsSecret(JsonProperty member) => member.Value.ValueKind == JsonValueKind.String && SecretMembers.Contains(member.Name);

    private static IEnumerable<string> Texts(JsonElement answer) => answer.ValueKind switch
    {
        // a ticket's address is told once, too, and has its password in it
        JsonValueKind.Object => answer.EnumerateObject()
            .Where(m => !IsSecret(m) && !(m.Name == "url" && answer.TryGetProperty("password", out _)))
            .SelectMany(m => Texts(m.Value).Prepend(m.Name)),
        JsonValueKind.Array => answer.EnumerateArray().SelectMany(Texts),
        JsonValueKind.Undefined => [],
        _ => [answer.ToString()],
    };

    private void Note(string where, string what) => found[$"{where}: {what}"] = found.GetValueOrDefault($"{where}: {what}") + 1;

    /// <summary>As it is, and in base64 at each of the three places in a group that it may begin: without the characters that its neighbours change.</summary>
    private static IEnumerable<string> Forms(string secret)
    {
        yield return secret;
        var bytes = Encoding.UTF8.GetBytes(secret);
        for (var before = 0; before < 3; before++)
        {
            var text = Convert.ToBase64String([.. new byte[before], .. bytes]).TrimEnd('=');
            yield return text[(before == 0 ? 0 : before + 1)..^1];
        }
    }

    /// <summary>Tokens (JWT), enrolment tokens, tickets, private keys.</summary>
    [GeneratedRegex("""\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}|\bapt_[A-Za-z0-9_-]{30,}|\be_[0-9a-f]{64}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----""", RegexOptions.ExplicitCapture)]
    private static partial Regex Shapes();
}
