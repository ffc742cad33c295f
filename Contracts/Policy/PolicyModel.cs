using System.Text.Json.Serialization;
using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Policy;

/// <summary>What a policy document means. Made from YAML by the control plane; agents receive this, never YAML.</summary>
public sealed record PolicyModel(
    IReadOnlyList<ResourceTerms> Resources,
    IReadOnlyList<Entitlement> Entitlements,
    PeopleDirectory Directory)
{
    public IReadOnlyList<Guardrail> Guardrails { get; init; } = [];
    public IReadOnlyList<MaskRule> Masks { get; init; } = [];
    public IReadOnlyList<LimitRule> Limits { get; init; } = [];

    /// <summary>Of rules that do not say themselves.</summary>
    public PolicyMode Mode { get; init; }

    public static PolicyModel Empty { get; } = new([], [], PeopleDirectory.Empty);

    public ResourceTerms? Resource(string id) => Resources.FirstOrDefault(r => r.Id == id);
    public Entitlement? Entitlement(string id) => Entitlements.FirstOrDefault(e => e.Id == id);
}

/// <summary>A policy with the version under which it was published.</summary>
public sealed record PublishedPolicy(long Version, string Hash, PolicyModel Model)
{
    /// <summary>Before the first publication: nothing may be asked for.</summary>
    public static PublishedPolicy None { get; } = new(0, "", PolicyModel.Empty);
}

/// <param name="FreezeAfter">Age of the agent's liveness lease at which forwarding freezes.</param>
/// <param name="KillAfter">Age at which sessions end.</param>
public sealed record ResourceTerms(string Id, string Kind, TimeSpan FreezeAfter, TimeSpan KillAfter, Evidence Evidence)
{
    /// <summary>Who hides the columns of mask rules.</summary>
    public MaskingMode Masking { get; init; }

    /// <summary>How much of what statements return stands in the transcript; null for nothing.</summary>
    public RecordedRows? RecordRows { get; init; }
}

/// <summary>Of each operation the first rows that its client got, as it got them, are part of the transcript; what is beyond is counted.</summary>
/// <param name="Most">Rows.</param>
/// <param name="Bytes">Of these rows, as they leave for the client, and of what describes their columns.</param>
public sealed record RecordedRows(int Most, int Bytes)
{
    public const int MostOfAny = 1000;
    public const int BytesOfAny = 1 << 20;
}

/// <summary>
/// Wire: the agent follows what statements show and hides it on its way. Server: PostgreSQL itself; a session's just-in-time login sees generated
/// views and nothing else of relations with masked columns. Detectors look at what passes on the wire either way.
/// </summary>
public enum MaskingMode { Wire, Server }

/// <summary>Before a statement reaches the resource its record is written, or written and fsynced.</summary>
public enum Evidence { Buffered, Fsync }

/// <summary>What may be asked for, by whom, and how it is approved.</summary>
/// <param name="MaxTotal">The longest the grant may last with extensions.</param>
/// <param name="Approval">Null for break-glass entitlements only.</param>
/// <param name="Login">What the just-in-time login may do in the database; null for whatever the agent's own credential may. Only of resources whose
/// masks PostgreSQL enforces.</param>
public sealed record Entitlement(
    string Id, string Resource, Who Who, Scope Scope, TimeSpan MaxDuration, TimeSpan MaxTotal, TimeSpan ActivateWithin,
    ReasonRule Reason, Approval? Approval, int MaxConnections, TokenLogin TokenLogin, BreakGlass? BreakGlass,
    LoginTerms? Login = null);

/// <summary>Selects actors: every member that is not empty must match. Applied to every link of a delegation chain that holds rights.</summary>
/// <param name="Subjects">`issuer|subject` keys.</param>
/// <param name="Claims">Evidence claims that must have exactly this value.</param>
public sealed record Who(
    IReadOnlyList<string> Groups, IReadOnlyList<string> Subjects, IReadOnlyList<string> Issuers, IReadOnlyList<ActorKind> Kinds,
    IReadOnlyDictionary<string, string> Claims)
{
    public static Who Nobody { get; } = new([], [], [], [], new Dictionary<string, string>());
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsEmpty => Groups.Count + Subjects.Count + Issuers.Count + Kinds.Count + Claims.Count == 0;
}

/// <summary>Where and what. An empty list means any.</summary>
/// <param name="Statements">Kinds of statement, as <see cref="Sql.StatementKinds"/> names them.</param>
public sealed record Scope(IReadOnlyList<string> Databases, IReadOnlyList<string> Statements)
{
    public static Scope Any { get; } = new([], []);

    /// <summary>Nothing but reading is within it: the database itself is then told to take no writes.</summary>
    [JsonIgnore]
    public bool OnlyReads => Statements.Count > 0 && Statements.All(Sql.StatementKinds.ReadOnly.Contains);

    public bool AllowsDatabase(string database) => Databases.Count == 0 || Databases.Contains(database);

    /// <summary>What both allow; null when nothing is left. An empty list means any, so an empty intersection must not become one.</summary>
    public Scope? Intersect(Scope other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Common(Databases, other.Databases) is { } databases && Common(Statements, other.Statements) is { } statements
            ? new Scope(databases, statements)
            : null;

        static IReadOnlyList<string>? Common(IReadOnlyList<string> one, IReadOnlyList<string> two)
        {
            if (one.Count == 0 || two.Count == 0)
            {
                return one.Count == 0 ? two : one;
            }
            string[] both = [.. one.Where(two.Contains)];
            return both.Length == 0 ? null : both;
        }
    }
}

/// <param name="Reference">A regular expression that the request's reference must match; null where none is asked for.</param>
public sealed record ReasonRule(bool Required, string? Reference);

/// <param name="Fallback">Stands in for a step that nobody could fill; without one such a request is refused when it is filed.</param>
public sealed record Approval(bool Auto, IReadOnlyList<ApprovalStep> Steps, TimeSpan Expires, ApprovalStep? Fallback = null);

/// <summary><paramref name="Count"/> distinct persons of <paramref name="From"/>.</summary>
/// <param name="UnlessDurationUnder">The step does not apply to requests shorter than this.</param>
public sealed record ApprovalStep(Who From, int Count, TimeSpan? UnlessDurationUnder = null);

/// <summary>An OIDC token as the password: for which kinds of actor, and whether each token counts once.</summary>
public sealed record TokenLogin(IReadOnlyList<ActorKind> Kinds, bool Once)
{
    public static TokenLogin WorkloadsOnly { get; } = new([ActorKind.Workload], false);

    /// <summary>The kind that counts is that of who presents the token: the current actor of a delegation chain, else the subject.</summary>
    public bool Allows(Actor actor) => Kinds.Contains((actor ?? throw new ArgumentNullException(nameof(actor))).RightsLinks.Last().Kind);
}

public sealed record BreakGlass(TimeSpan Duration, TimeSpan ReviewWithin, Who From);

/// <summary>
/// What tokens cannot tell. A group that is listed here has exactly the members that are listed; other groups come from the tokens' claim.
/// Persons are `issuer|subject` keys.
/// </summary>
/// <param name="Owners">Workload → the person it belongs to.</param>
/// <param name="SamePerson">Sets of identities that are one person.</param>
public sealed record PeopleDirectory(
    IReadOnlyDictionary<string, IReadOnlyList<string>> Groups,
    IReadOnlyDictionary<string, string> Owners,
    IReadOnlyList<IReadOnlyList<string>> SamePerson,
    IReadOnlyList<string> Disabled)
{
    public static PeopleDirectory Empty { get; } =
        new(new Dictionary<string, IReadOnlyList<string>>(), new Dictionary<string, string>(), [], []);
}
