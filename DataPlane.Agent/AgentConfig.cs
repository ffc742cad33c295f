using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Serialization;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Agent;

/// <summary>
/// What the operator tells the agent, in one JSON file. Unknown members are refused: a misspelt `required` would otherwise quietly open
/// what it was meant to close.
/// </summary>
/// <param name="Id">The agent's name, as it was invited.</param>
/// <param name="ControlPlane">Base address of the control plane, for the enrolment.</param>
/// <param name="State">Folder for keys, spool and used tickets. It must outlive the process and belong to this agent alone.</param>
/// <param name="EnrolmentToken">Once, for the first start; also from `ACCESSPLANE_ENROLMENT_TOKEN`.</param>
/// <param name="EnrolmentTokenFile">A file with it, in the place of <see cref="EnrolmentToken"/>; it may be gone once the agent is enrolled.</param>
/// <param name="Health">Where `/health/live` and `/health/ready` listen.</param>
public sealed record AgentConfig(
    string Id, string ControlPlane, string State, string Health, IReadOnlyList<ListenerConfig> Listeners, string? EnrolmentToken = null, long? SpoolBytes = null,
    string? EnrolmentTokenFile = null)
{
    /// <summary>Reads and checks a file; the problems are all of them, one line each.</summary>
    public static (AgentConfig? Config, IReadOnlyList<string> Problems) Read(string path, Func<string, string?> environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        try
        {
            var config = JsonSerializer.Deserialize<AgentConfig>(File.ReadAllText(path), Options);
            if (config is null)
            {
                return (null, [$"`{path}` holds no configuration"]);
            }
            config = config with { EnrolmentToken = environment("ACCESSPLANE_ENROLMENT_TOKEN") ?? config.EnrolmentToken ?? TokenIn(config.EnrolmentTokenFile) };
            var problems = config.Problems().ToList();
            return (problems.Count == 0 ? config : null, problems);
        }
        catch (JsonException bad)
        {
            return (null, [$"`{path}` {(bad.Path is { } at ? $"at `{at}`" : "")}: {bad.Message}"]);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return (null, [$"`{path}` cannot be read: {unreadable.Message}"]);
        }
    }

    private static JsonSerializerOptions Options { get; } =
        new(Json.Strict) { ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private static string? TokenIn(string? file) => File.Exists(file) ? File.ReadAllText(file).Trim() : null;

    private IEnumerable<string> Problems()
    {
        if (!Ids.IsName(Id))
        {
            yield return $"`id`: `{Id}` is not a name (lower case letters, digits and dashes, 1 to 63, starting with a letter)";
        }
        if (!IsHttp(ControlPlane))
        {
            yield return $"`controlPlane`: `{ControlPlane}` is not an http address";
        }
        if (!IsHttp(Health))
        {
            yield return $"`health`: `{Health}` is not an http address";
        }
        if (string.IsNullOrWhiteSpace(State))
        {
            yield return "`state`: a folder is needed";
        }
        if (SpoolBytes is < 1 << 20)
        {
            yield return "`spoolBytes`: at least 1048576";
        }
        if (Listeners is not { Count: > 0 })
        {
            yield return "`listeners`: at least one is needed";
            yield break;
        }
        foreach (var problem in Listeners.SelectMany((l, i) => l.Problems($"listeners[{i}]")))
        {
            yield return problem;
        }
        foreach (var twice in Listeners.Where(l => l.Port > 0).GroupBy(l => (l.Address, l.Port)).Where(g => g.Count() > 1))
        {
            yield return $"`listeners`: `{twice.Key.Address}:{twice.Key.Port}` is used twice";
        }
    }

    private static bool IsHttp(string text) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
}

/// <summary>One door: a protocol on an address, the resource behind it, and how to reach that.</summary>
/// <param name="Advertise">Where clients reach the listener, told to the control plane at the enrolment; the listener's own address when absent.</param>
/// <param name="Port">0 for any free one (tests).</param>
/// <param name="Bounds">What clients may cost; <see cref="DoorBounds.Standard"/> when absent.</param>
public sealed record ListenerConfig(
    string Protocol, string Resource, string Address, int Port, UpstreamConfig Upstream, TlsConfig? Tls = null, AdvertisedAddress? Advertise = null,
    DoorBounds? Bounds = null)
{
    /// <summary>What the control plane is told of it, at the enrolment.</summary>
    internal AgentEndpoint Endpoint
    {
        get
        {
            using var certificate = Tls is null ? null : X509Certificate2.CreateFromPemFile(Tls.Certificate, Tls.Key);
            return new AgentEndpoint(
                Resource, Advertise?.Host ?? Address, Advertise?.Port ?? Port, Tls is not null, certificate is not null && PgChannelBinding.Of(certificate) is not null);
        }
    }

    internal IEnumerable<string> Problems(string at)
    {
        if (Protocol != "postgresql")
        {
            yield return $"`{at}.protocol`: `{Protocol}` is not known; known is `postgresql`";
        }
        if (!Ids.IsName(Resource))
        {
            yield return $"`{at}.resource`: `{Resource}` is not a resource's name";
        }
        if (!System.Net.IPAddress.TryParse(Address, out _))
        {
            yield return $"`{at}.address`: `{Address}` is not an IP address";
        }
        if (Port is < 0 or > 65535)
        {
            yield return $"`{at}.port`: `{Port}` is not a port";
        }
        foreach (var file in new[] { ("tls.certificate", Tls?.Certificate), ("tls.key", Tls?.Key), ("upstream.rootCertificate", Upstream?.RootCertificate) })
        {
            if (file.Item2 is not null && !File.Exists(file.Item2))
            {
                yield return $"`{at}.{file.Item1}`: `{file.Item2}` does not exist";
            }
        }
        if (Bounds is { } bounds && (bounds.StrangersPerAddress < 1 || bounds.Strangers < bounds.StrangersPerAddress || bounds.Unread <= TimeSpan.Zero ||
            bounds.HalfClosed <= TimeSpan.Zero || bounds.ConnectionsPerSecond < 1 || bounds.FailedLogins < 1))
        {
            yield return $"`{at}.bounds`: all of them are more than nothing, and `strangers` not below `strangersPerAddress`";
        }
        if (Upstream is null)
        {
            yield return $"`{at}.upstream`: is needed";
            yield break;
        }
        if (string.IsNullOrEmpty(Upstream.Host) || Upstream.Port is < 1 or > 65535 || string.IsNullOrEmpty(Upstream.User))
        {
            yield return $"`{at}.upstream`: `host`, `port` and `user` are needed";
        }
        if (Upstream.PasswordFile is { } secret && !File.Exists(secret))
        {
            yield return $"`{at}.upstream.passwordFile`: `{secret}` does not exist";
        }
    }
}

/// <summary>What the clients of a door may cost it. Members that are absent have their standard.</summary>
/// <param name="Strangers">Connections at a time that have not proven who they are.</param>
/// <param name="StrangersPerAddress">The same from one address (of IPv6: from one /64).</param>
/// <param name="Unread">How long a client may leave unread what it was sent, before its session ends: until then the database waits with it.</param>
/// <param name="HalfClosed">How long what a client asked for may go on once it has closed its side: whether it still reads shows in nothing before then.</param>
/// <param name="ConnectionsPerSecond">From one address, on average; twice as many may come at once.</param>
/// <param name="FailedLogins">From one address, before it is refused unheard; one of them is forgiven each second.</param>
public sealed record DoorBounds(
    int Strangers = 1024, int StrangersPerAddress = 256, TimeSpan? Unread = null, TimeSpan? HalfClosed = null, int ConnectionsPerSecond = 300,
    int FailedLogins = 100)
{
    public static DoorBounds Standard { get; } = new();

    internal TimeSpan UnreadAtMost => Unread ?? TimeSpan.FromMinutes(5);
    internal TimeSpan HalfClosedAtMost => HalfClosed ?? TimeSpan.FromSeconds(5);
}

public sealed record AdvertisedAddress(string Host, int Port);

/// <param name="Required">Whether ticket logins on loopback need TLS too; elsewhere they always do, and tokens need it everywhere.</param>
public sealed record TlsConfig(string Certificate, string Key, bool Required = true);

/// <param name="Host">A host, or the folder of a Unix socket.</param>
/// <param name="PasswordFile">A file with the password alone: it never leaves this host.</param>
/// <param name="RootCertificate">What the resource's certificate must chain to; the system's roots when absent.</param>
public sealed record UpstreamConfig(
    string Host, int Port, string User, string? PasswordFile = null, UpstreamTls Tls = UpstreamTls.VerifyFull, string? RootCertificate = null);

[JsonConverter(typeof(JsonStringEnumConverter<UpstreamTls>))]
public enum UpstreamTls
{
    [JsonStringEnumMemberName("verify-full")]
    VerifyFull,

    [JsonStringEnumMemberName("disable")]
    Disable,
}
