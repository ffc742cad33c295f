using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>A class of OCSF 1.3.0, with what of it something is. Its id is that of the schema; its category the first digit.</summary>
/// <param name="Activity">Of the class: https://schema.ocsf.io/1.3.0/classes.</param>
/// <param name="Severity">1 informational, 2 low, 3 medium, 4 high.</param>
internal sealed record OcsfClass(int Class, string ClassName, int Activity, string ActivityName, int Severity)
{
    public const string Version = "1.3.0";
    private const int Low = 2, Medium = 3, High = 4;

    public int Category => Class / 1000;

    public string CategoryName => Category switch { 3 => "Identity & Access Management", 6 => "Application Activity", _ => "Uncategorized" };

    public long Type => (Class * 100L) + Activity;

    // where no class fits, the base event is told, and our own stands under `unmapped` as it always does
    public static OcsfClass Of(Type type) => All.GetValueOrDefault(type) ?? new OcsfClass(0, "Base Event", 99, "Other", 1);

    /// <summary>Every event but those of which nothing fits.</summary>
    public static IReadOnlyDictionary<Type, OcsfClass> All { get; } = new Dictionary<Type, OcsfClass>
    {
        [typeof(SessionOpened)] = Authentication(1, "Logon"),
        [typeof(SessionClosed)] = Authentication(2, "Logoff"),
        [typeof(SessionTerminated)] = Authentication(2, "Logoff", Low),
        [typeof(SessionLost)] = Authentication(2, "Logoff", Medium),

        [typeof(GrantActivated)] = Session(1, "Assign Privileges"),

        [typeof(GrantIssued)] = Access(1, "Assign Privileges"),
        [typeof(GrantExtended)] = Access(1, "Assign Privileges"),
        [typeof(BreakGlassUsed)] = Access(1, "Assign Privileges", High),
        [typeof(GrantNarrowed)] = Access(2, "Revoke Privileges"),
        [typeof(GrantRevoked)] = Access(2, "Revoke Privileges", Low),
        [typeof(GrantSurrendered)] = Access(2, "Revoke Privileges"),
        [typeof(GrantExpired)] = Access(2, "Revoke Privileges"),
        [typeof(ActivationRefused)] = Access(2, "Revoke Privileges", Low),
        [typeof(ActivationLapsed)] = Access(2, "Revoke Privileges"),

        [typeof(TranscriptRecorded)] = Datastore(4, "Query"),
        [typeof(OperationHeld)] = Datastore(4, "Query", Medium),

        [typeof(TranscriptRead)] = Entity(2, "Read", Low),
        [typeof(OperationsSearched)] = Entity(2, "Read", Low),
        [typeof(EvidenceExported)] = Entity(2, "Read", Low),
        [typeof(RequestSubmitted)] = Entity(1, "Create"),
        [typeof(ReviewGiven)] = Entity(3, "Update"),
        [typeof(ReviewLapsed)] = Entity(3, "Update", Low),
        [typeof(ReviewRefused)] = Entity(3, "Update", Medium),
        [typeof(RequestApproved)] = Entity(3, "Update"),
        [typeof(RequestDenied)] = Entity(3, "Update"),
        [typeof(RequestExpired)] = Entity(3, "Update"),
        [typeof(RequestCancelled)] = Entity(3, "Update"),
        [typeof(HoldReviewGiven)] = Entity(3, "Update"),
        [typeof(HoldReviewLapsed)] = Entity(3, "Update", Low),
        [typeof(HoldReviewRefused)] = Entity(3, "Update", Medium),
        [typeof(HoldReleased)] = Entity(3, "Update"),
        [typeof(HoldRefused)] = Entity(3, "Update"),
        [typeof(HoldLapsed)] = Entity(3, "Update"),
        [typeof(HoldAbandoned)] = Entity(3, "Update"),
        [typeof(TicketIssued)] = Entity(1, "Create"),
        [typeof(ReviewDebtSettled)] = Entity(3, "Update"),
        [typeof(ReviewDebtDefaulted)] = Entity(3, "Update", High),
        [typeof(LockPlaced)] = Entity(1, "Create", High),
        [typeof(LockLiftProposed)] = Entity(3, "Update", Medium),
        [typeof(LockLifted)] = Entity(4, "Delete", Medium),
        [typeof(PolicyPublished)] = Entity(3, "Update", Medium),
        [typeof(ResourceRegistered)] = Entity(1, "Create"),
        [typeof(ResourceRetired)] = Entity(4, "Delete", Low),
        [typeof(ResourceMaskingOrdered)] = Entity(3, "Update", Medium),
        [typeof(AgentInvited)] = Entity(1, "Create", Low),
        [typeof(AgentEnrolled)] = Entity(1, "Create", Low),
        [typeof(AgentKeyRotationOrdered)] = Entity(3, "Update", Low),
        [typeof(AgentKeyAnnounced)] = Entity(3, "Update", Low),
        [typeof(AgentRetired)] = Entity(4, "Delete", Medium),
        [typeof(ApproverAdded)] = Entity(1, "Create", Low),
        [typeof(ApproverRemoved)] = Entity(4, "Delete", Low),
        [typeof(ControlPlaneKeyAnnounced)] = Entity(1, "Create", Medium),
        [typeof(ControlPlaneKeyRetired)] = Entity(4, "Delete", Medium),
        [typeof(SessionTerminationOrdered)] = Entity(3, "Update", Medium),
    };

    private static OcsfClass Authentication(int activity, string name, int severity = 1) => new(3002, "Authentication", activity, name, severity);

    private static OcsfClass Session(int activity, string name, int severity = 1) => new(3003, "Authorize Session", activity, name, severity);

    private static OcsfClass Entity(int activity, string name, int severity = 1) => new(3004, "Entity Management", activity, name, severity);

    private static OcsfClass Access(int activity, string name, int severity = 1) => new(3005, "User Access Management", activity, name, severity);

    private static OcsfClass Datastore(int activity, string name, int severity = 1) => new(6005, "Datastore Activity", activity, name, severity);
}
