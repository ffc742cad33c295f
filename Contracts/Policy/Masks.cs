namespace AccessPlane.Contracts.Policy;

/// <summary>Columns whose values are hidden from those it applies to, or kinds of content that are looked for in every value.</summary>
/// <param name="Columns">Patterns over `schema.relation.column`, with `*`; empty for a rule of detectors.</param>
/// <param name="Detect">Content detectors; empty for a rule of columns.</param>
/// <param name="Unless">Whom it does not apply to.</param>
/// <param name="Inference">Whether a masked column may stand where its value shows indirectly: in a condition, an order, a group.</param>
/// <param name="Mode">Null follows the document.</param>
public sealed record MaskRule(
    string Id, string Resource, IReadOnlyList<string> Columns, IReadOnlyList<Detector> Detect, MaskWith With, Who? Unless, Inference Inference,
    PolicyMode? Mode = null);

/// <summary>How a value is hidden. What the column's type cannot hold becomes null.</summary>
/// <param name="Kind">Which of them.</param>
/// <param name="Keep">Of KeepFirst and KeepLast: characters that stay; of Round: digits before the point that are rounded away.</param>
/// <param name="Text">Of Fixed.</param>
public sealed record MaskWith(MaskKind Kind, int Keep = 0, string? Text = null)
{
    public static MaskWith Redact { get; } = new(MaskKind.Redact);
}

public enum MaskKind { Redact, Null, KeepFirst, KeepLast, Hash, Fixed, Year, Round }

public enum Inference { Refuse, Allow }

public enum Detector { PaymentCard, UsSsn, Email, Phone, Iban, Jwt, Secret }
