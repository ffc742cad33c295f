namespace AccessPlane.ControlPlane.Console.Parts;

/// <param name="Label">What it is of; null where it is of a time.</param>
/// <param name="At">When that time begins.</param>
public sealed record ChartBar(double Amount, string? Label = null, DateTimeOffset? At = null);
