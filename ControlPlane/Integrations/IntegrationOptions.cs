using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Section `Integrations` of the configuration: who is told what beside the queue. None unless it is configured.</summary>
public sealed class IntegrationOptions
{
    /// <summary>By name: lower case letters, digits and dashes. Under its name each has a checkpoint of its own: one that is renamed begins anew.</summary>
    public IDictionary<string, DestinationOptions> Destinations { get; init; } = new Dictionary<string, DestinationOptions>();
}

internal enum DestinationKind
{
    None,

    /// <summary>What approvers hear of, as signed CloudEvents.</summary>
    Webhook,

    /// <summary>What approvers hear of, as messages with buttons.</summary>
    Slack,

    /// <summary>What approvers hear of, by SMTP.</summary>
    Email,

    /// <summary>Every event of the log, in signed batches.</summary>
    AuditHttp,

    /// <summary>Every event of the log, one a line.</summary>
    AuditFile,
}

/// <summary>`Integrations:Destinations:NAME`.</summary>
public sealed class DestinationOptions
{
    /// <summary>`webhook`, `slack`, `email`, `audit-http` or `audit-file`.</summary>
    public string Kind { get; set; } = "";

    /// <summary>Where to post; https, or http on loopback.</summary>
    public string? Url { get; set; }

    /// <summary>A file with it, in the place of <see cref="Url"/>: the address of a Slack webhook is a secret itself.</summary>
    public string? UrlFile { get; set; }

    /// <summary>Plain http to another machine. What is told can then be read and changed on its way; only the signature shows the latter.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>A file with what posts are signed with: `whsec_` and 24 to 64 bytes in base64. Read anew for each post.</summary>
    public string? SecretFile { get; set; }

    /// <summary>While a secret is exchanged: posts are signed with this one too.</summary>
    public string? PreviousSecretFile { get; set; }

    /// <summary>Whose news it gets; empty: everybody's.</summary>
    public IList<string> Groups { get; init; } = [];

    /// <summary>How old news may become before it is given up, which is recorded. The audit stream gives nothing up for its age.</summary>
    public TimeSpan GiveUpAfter { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Audit by HTTP: for how long a receiver must have refused one event until it is set aside, which is recorded, and the stream goes on.</summary>
    public TimeSpan SetAsideAfter { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Of one attempt.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>After the first attempt that failed; it doubles from there.</summary>
    public TimeSpan FirstPause { get; set; } = TimeSpan.FromSeconds(1);
    public TimeSpan LongestPause { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Slack: a file with the app's signing secret. Without one messages have no buttons.</summary>
    public string? SigningSecretFile { get; set; }

    /// <summary>Slack, in the place of an incoming webhook: a file with the token of a bot (`chat:write`), which can change the messages that it has posted.</summary>
    public string? TokenFile { get; set; }

    /// <summary>Slack, with a bot: the id of the channel.</summary>
    public string? Channel { get; set; }

    /// <summary>Slack: the id of the workspace. An app may be installed in others, which have users of their own.</summary>
    public string? Team { get; set; }

    /// <summary>Slack: who is who, by the id of the user. Nobody else decides there.</summary>
    public IDictionary<string, PersonOptions> People { get; init; } = new Dictionary<string, PersonOptions>();

    public SmtpOptions Smtp { get; set; } = new();

    /// <summary>E-mail: the addresses of each group's approvers.</summary>
    public IDictionary<string, string[]> To { get; init; } = new Dictionary<string, string[]>();

    /// <summary>Audit: the file. Its directory must be there.</summary>
    public string? Path { get; set; }

    /// <summary>Audit: a file that is this large is put aside, under its name and the last position in it.</summary>
    public long MaxSize { get; set; } = 256L * 1024 * 1024;

    /// <summary>Audit: what sessions recorded, statement by statement. It is in the log all the same, where reading it is recorded.</summary>
    public bool Transcripts { get; set; }

    /// <summary>Audit: only what happens from now on, and not the whole log.</summary>
    public bool FromNow { get; set; }

    internal DestinationKind What => Kind switch
    {
        "webhook" => DestinationKind.Webhook,
        "slack" => DestinationKind.Slack,
        "email" => DestinationKind.Email,
        "audit-http" => DestinationKind.AuditHttp,
        "audit-file" => DestinationKind.AuditFile,
        _ => DestinationKind.None,
    };

    internal bool IsAudit => What is DestinationKind.AuditHttp or DestinationKind.AuditFile;

    internal bool IsBot => What == DestinationKind.Slack && TokenFile is not null;

    internal Uri Address => new(UrlFile is not null ? SecretFiles.Read(UrlFile) : IsBot ? Url ?? SlackApi.Address : Url!);
}

/// <summary>`…:People:USER`: exactly as in the person's tokens.</summary>
public sealed class PersonOptions
{
    public string Issuer { get; set; } = "";
    public string Subject { get; set; } = "";

    /// <summary>For people to read.</summary>
    public string Name { get; set; } = "";
}

/// <summary>`…:Smtp`.</summary>
public sealed class SmtpOptions
{
    public string Host { get; set; } = "";
    public int Port { get; set; } = 587;

    /// <summary>TLS from the first byte (port 465) and not by STARTTLS.</summary>
    public bool ImplicitTls { get; set; }

    /// <summary>Whether a server that offers no TLS gets nothing. Only one on loopback may be let off.</summary>
    public bool? RequireTls { get; set; }

    /// <summary>A PEM file with what the server's certificate must chain to; the system's roots when absent. Read for each mail.</summary>
    public string? RootCertificate { get; set; }
    public string From { get; set; } = "";
    public string? User { get; set; }
    public string? PasswordFile { get; set; }
}
