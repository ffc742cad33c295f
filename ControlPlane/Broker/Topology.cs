namespace AccessPlane.ControlPlane.Broker;

/// <summary>Names at the broker. A queue's exchange has the queue's name.</summary>
public static class Topology
{
    /// <summary>Agents' reports; only the control plane reads them.</summary>
    public const string Reports = "accessplane.reports";

    /// <summary>Reports that took their consumer with them, each time.</summary>
    public const string ReportsParked = "accessplane.reports_parked";

    /// <summary>Topic exchange: plain JSON for approvers.</summary>
    public const string Notifications = "accessplane.notifications";

    /// <summary>Plain JSON from approvers.</summary>
    public const string Reviews = "accessplane.reviews";

    /// <summary>Reviews that could not be handled, and are not tried again.</summary>
    public const string ReviewsInError = "accessplane.reviews_error";

    /// <summary>Whose exchange it is; null where it is no agent's.</summary>
    public static string? AgentOf(string exchange)
    {
        const string before = "accessplane.agent.", after = ".reports";
        ArgumentNullException.ThrowIfNull(exchange);
        return exchange.StartsWith(before, StringComparison.Ordinal) && exchange.EndsWith(after, StringComparison.Ordinal) && exchange.Length > before.Length + after.Length
            ? exchange[before.Length..^after.Length]
            : null;
    }

    public static string AgentQueue(string agent) => $"accessplane.agent.{agent}";

    public static string AgentReports(string agent) => $"accessplane.agent.{agent}.reports";

    public static string Approver(string name) => $"accessplane.approver.{name}";
}
