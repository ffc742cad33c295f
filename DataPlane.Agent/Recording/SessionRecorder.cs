using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Writes one session's transcript: canonical entry bytes, hash-chained, to the session's spool file. Used by one session; not thread-safe: the
/// session serialises its calls. A method that records a statement returns only when the bytes are where the resource's evidence level wants
/// them, because no byte of an operation may reach the resource before that. Steady state allocates nothing.
/// </summary>
public sealed class SessionRecorder : IDisposable
{
    /// <summary>Records that an operation is about to be judged-and-forwarded or was refused.</summary>
    /// <param name="text">The SQL text, valid UTF-8.</param>
    /// <param name="parameters">What Bind carried; empty for none.</param>
    /// <returns>The operation's number.</returns>
    /// <exception cref="IOException">The evidence cannot be written: the operation must not be forwarded.</exception>
    public long Statement(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, IReadOnlyList<string> kinds, Ruling ruling) =>
        throw new NotSupportedException();

    /// <summary>Records how an operation ended.</summary>
    public void Result(long op, in OperationResult result) => throw new NotSupportedException();

    /// <summary>Records a fact without further members: `cancel`, `freeze`, `thaw`, `gap`.</summary>
    public void Fact(string kind, string? note) => throw new NotSupportedException();

    /// <summary>Records the end and seals the last segment.</summary>
    public void End(string cause, TimeSpan? cut, string? note) => throw new NotSupportedException();

    public void Dispose() { }
}

/// <summary>The parameter part of a Bind message, as bytes: count and format codes read, values as (length, bytes) in wire form.</summary>
/// <param name="values">The wire form from the first value's length on: Int32 length (-1: null), bytes, repeated.</param>
/// <param name="formats">The wire form of the format codes: Int16 each; none, one for all, or one each.</param>
public readonly ref struct BoundParameters(int count, ReadOnlySpan<byte> formats, ReadOnlySpan<byte> values)
{
    public int Count { get; } = count;
    public ReadOnlySpan<byte> Formats { get; } = formats;
    public ReadOnlySpan<byte> Values { get; } = values;
}

/// <param name="outcome">completed, failed, refused, cancelled, unknown.</param>
/// <param name="status">Transaction status byte (`I`, `T`, `E`), 0 where unknown.</param>
/// <param name="micros">From forwarding to the end.</param>
/// <param name="rows">Rows returned, or affected as the command tag says.</param>
public readonly ref struct OperationResult(
    string outcome, byte status, long micros, long rows, long bytes, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> errorCode, ReadOnlySpan<byte> errorMessage)
{
    public string Outcome { get; } = outcome;
    public byte Status { get; } = status;
    public long Micros { get; } = micros;
    public long Rows { get; } = rows;
    public long Bytes { get; } = bytes;
    public ReadOnlySpan<byte> Tag { get; } = tag;
    public ReadOnlySpan<byte> ErrorCode { get; } = errorCode;
    public ReadOnlySpan<byte> ErrorMessage { get; } = errorMessage;
}
