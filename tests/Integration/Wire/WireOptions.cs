using System.Globalization;

using AccessPlane.Agent;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Integration.Masking;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What a test wants of its agent, its door and the server behind it.</summary>
/// <param name="Kinds">Kinds within the grant's scope; none for any.</param>
/// <param name="Time">Of the door alone: leases and records go by the real clock.</param>
/// <param name="Issuer">Whose tokens are taken as passwords.</param>
/// <param name="UpstreamPort">Where to reach the server instead, for tests that stand in between.</param>
internal sealed record WireOptions(
    string[]? Kinds = null, bool Tls = false, Evidence Evidence = Evidence.Buffered, bool Superuser = false, string? UpstreamHost = null, int? UpstreamPort = null,
    UpstreamTls Upstream = UpstreamTls.Disable, string? RootCertificate = null, TimeSpan? FreezeAfter = null, TimeProvider? Time = null, TestIssuer? Issuer = null,
    IReadOnlyList<MaskRule>? Masks = null)
{
    public PgServer On { get; init; }
    public SpoolLimits? Spool { get; init; }
    public DoorBounds? Bounds { get; init; }

    /// <summary>Of tickets on loopback too.</summary>
    public bool TlsRequired { get; init; }

    /// <summary>A disk of its own for the spool.</summary>
    public string? SpoolIn { get; init; }
    public SpoolDisk? Disk { get; init; }
    public MaskingMode Masking { get; init; }
    public RecordedRows? RecordRows { get; init; }
    public string Agent { get; init; } = "wire";

    /// <summary>Another agent, whose database it serves too: with the same role, or with one of its own that is a member of that.</summary>
    public WireAgent? Beside { get; init; }
    public bool OwnRole { get; init; }
    public LoginTerms? Login { get; init; }

    /// <summary>The agent's role is given the role that owns masks.</summary>
    public bool OwnsMasks { get; init; }

    /// <summary>No admin orders what the agent shows.</summary>
    public bool NobodyOrders { get; init; }

    /// <summary>Of the agent's role.</summary>
    public string Attributes { get; init; } = "";

    /// <summary>Run by the agent's role before its door opens.</summary>
    public string[] Before { get; init; } = [];

    public string[] Statements => Kinds ?? [];
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{string.Join(',', Statements)} tls={Tls}");
}
