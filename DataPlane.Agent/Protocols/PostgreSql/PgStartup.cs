using System.Buffers.Binary;
using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a client asks for when it begins: read once, from a closed list of keys, and frozen from then on.</summary>
/// <param name="Settings">Of the session, to be set at the server: already named as the server names them.</param>
/// <param name="NotSpoken">Protocol options that are not known here; the client is told and goes on without them.</param>
internal sealed record PgStartup(
    string User, string Database, string Application, IReadOnlyDictionary<string, string> Settings, bool NewerProtocol, IReadOnlyList<string> NotSpoken)
{
    public const int Longest = 10_000;
    public const int Ssl = 80877103;
    public const int Gss = 80877104;
    public const int Cancel = 80877102;

    private static readonly Dictionary<string, string> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["datestyle"] = "DateStyle",
        ["timezone"] = "TimeZone",
        ["extra_float_digits"] = "extra_float_digits",
        ["intervalstyle"] = "IntervalStyle",
    };

    public bool MustNegotiate => NewerProtocol || NotSpoken.Count > 0;

    /// <param name="packet">From the protocol's version on.</param>
    /// <exception cref="PgStop">It is not one, or asks for what is never given.</exception>
    public static PgStartup Read(ReadOnlySpan<byte> packet)
    {
        var version = BinaryPrimitives.ReadInt32BigEndian(packet);
        if (version >> 16 != 3)
        {
            throw new PgStop("0A000", $"unsupported frontend protocol {version >> 16}.{version & 0xffff}: this agent speaks 3.0");
        }
        var (user, database, application) = ("", "", "");
        var settings = new Dictionary<string, string>();
        var notSpoken = new List<string>();
        foreach (var (key, value) in Pairs(packet[4..]))
        {
            switch (key.ToLowerInvariant())
            {
                case "user":
                    user = value;
                    break;
                case "database":
                    database = value;
                    break;
                case "application_name":
                    application = Printable(value);
                    break;
                case "client_encoding" when IsUtf8(value):
                    break;
                case "options" when string.IsNullOrWhiteSpace(value):
                    break;
                case var option when option.StartsWith("_pq_.", StringComparison.Ordinal):
                    notSpoken.Add(key);
                    break;
                default:
                    settings[Known.GetValueOrDefault(key) ?? throw Unwanted(key, value)] = value;
                    break;
            }
        }
        if (user.Length == 0)
        {
            throw new PgStop(PgError.NotAuthorized, "no user name in the startup packet: it names a ticket, an entitlement or a grant");
        }
        return new PgStartup(user, database.Length > 0 ? database : user, application, settings, (version & 0xffff) > 0, notSpoken);
    }

    private static List<(string Key, string Value)> Pairs(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var pairs = new List<(string, string)>();
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (true)
        {
            var key = Text(reader.Text());
            if (key.Length == 0)
            {
                return reader.Exact ? pairs : throw Malformed();
            }
            var value = Text(reader.Text());
            if (reader.Failed)
            {
                throw Malformed();
            }
            if (key != "application_name" && value.Any(char.IsControl))
            {
                throw new PgStop(PgError.Protocol, $"the startup key `{Printable(key)}` holds control characters"); // they would be in names and logs
            }
            // the server would take the last one, whoever reads the packet before it perhaps the first
            pairs.Add(seen.Add(key) ? (key, value) : throw new PgStop(PgError.Protocol, $"the startup key `{Printable(key)}` comes twice"));
        }
    }

    private static string Text(ReadOnlySpan<byte> bytes) =>
        System.Text.Unicode.Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : throw Malformed();

    private static PgStop Malformed() => new(PgError.Protocol, "invalid startup packet layout");

    private static PgStop Unwanted(string key, string value) => key.ToLowerInvariant() switch
    {
        "client_encoding" => new PgStop("22023", $"the client encoding `{Printable(value)}` is not spoken here: use `UTF8`"),
        "replication" => new PgStop(PgError.NotAuthorized, "replication connections are not possible through this agent"),
        _ => new PgStop(PgError.NotAuthorized, $"the startup key `{Printable(key)}` is not accepted by this agent: leave it out"),
    };

    /// <summary>As clients send it: also in quotes, and `SQL_ASCII` from libpq in a locale without encoding. The session speaks UTF-8 in any case.</summary>
    private static bool IsUtf8(string value) => PgSettings.IsUtf8(value) || value.Equals("SQL_ASCII", StringComparison.OrdinalIgnoreCase);

    /// <summary>Also for what is said back: it goes into the log, and a stranger chose it.</summary>
    private static string Printable(string name)
    {
        var text = string.Concat(name.Select(c => c is >= ' ' and <= '~' ? c : '?'));
        return text.Length <= 63 ? text : text[..63];
    }
}
