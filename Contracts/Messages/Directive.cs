using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>
/// A signed message from the control plane to one agent. Directives that follow from the log carry its position and that of the
/// agent's previous one, so that a gap shows; an agent refuses a bad signature, a lower epoch or a position it already passed.
/// </summary>
/// <param name="Epoch">Which history of the log: raised only when an admin acknowledges that an old backup was restored.</param>
/// <param name="Position">The log position it follows from; for answers (lease, state, segment-accepted, login-answer) the agent's head.</param>
/// <param name="Previous">The position of the directive before it for this agent; for answers equal to <paramref name="Position"/>.</param>
/// <param name="Kind">One of <see cref="DirectiveKinds"/>.</param>
/// <param name="Body">JSON of the kind's record.</param>
/// <param name="At">The control plane's clock.</param>
/// <param name="Signature">ECDSA P-256 over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
/// <param name="Mark">The id of the log's event at the position: another history has another one there. Null for answers that say nothing of the log.</param>
public sealed record Directive(
    string Agent, long Epoch, long Position, long Previous, string Kind, string Body, DateTimeOffset At, string Signature, Guid? Mark = null)
{
    public byte[] SignedBytes() => Witness().SignedBytes();

    public Directive SignWith(ECDsa key) => this with { Signature = Signatures.Sign(key, SignedBytes()) };

    public bool IsSignedBy(ECDsa key) => Signatures.Check(key, SignedBytes(), Signature);

    /// <summary>What proves that the control plane said it, without what it said.</summary>
    public Witness Witness() =>
        new(Agent, Epoch, Position, Previous, Kind, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Body))), At, Mark, Signature);
}

/// <summary>
/// A directive without its body: by it an agent proves how far the control plane once was, to a control plane that does not know any more.
/// </summary>
/// <param name="BodyHash">SHA-256 of the body's UTF-8 bytes, lower-case hex.</param>
public sealed record Witness(
    string Agent, long Epoch, long Position, long Previous, string Kind, string BodyHash, DateTimeOffset At, Guid? Mark, string Signature)
{
    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.directive.v2\n{Agent}\n{Epoch}\n{Position}\n{Previous}\n{Mark:D}\n{Kind}\n{At.UtcDateTime.Ticks.ToString(CultureInfo.InvariantCulture)}\n{BodyHash}");

    public bool IsSignedBy(ECDsa key) => Signatures.Check(key, SignedBytes(), Signature);
}

/// <summary>Detached signatures as both kinds of message carry them.</summary>
public static class Signatures
{
    public static string Sign(ECDsa key, byte[] bytes) =>
        Convert.ToBase64String((key ?? throw new ArgumentNullException(nameof(key))).SignData(bytes, HashAlgorithmName.SHA256));

    public static bool Check(ECDsa key, byte[] bytes, string signature)
    {
        ArgumentNullException.ThrowIfNull(key);
        Span<byte> raw = stackalloc byte[64];
        return signature is not null && Convert.TryFromBase64String(signature, raw, out var length) && length == 64 &&
            key.VerifyData(bytes, raw, HashAlgorithmName.SHA256);
    }
}
