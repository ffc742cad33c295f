using System.Buffers.Binary;

namespace AccessPlane.Agent.Recording;

/// <summary>The parameter part of a Bind message, as bytes: count and format codes read, values as (length, bytes) in wire form.</summary>
/// <param name="values">The wire form from the first value's length on: Int32 length (-1: null), bytes, repeated.</param>
/// <param name="formats">The wire form of the format codes: Int16 each; none, one for all, or one each.</param>
/// <param name="omitted">Bytes of values that are too many to be here: they pass as they come, and a `parameters` fact with their hash follows.</param>
public readonly ref struct BoundParameters(int count, ReadOnlySpan<byte> formats, ReadOnlySpan<byte> values, long omitted = 0)
{
    public long Omitted { get; } = omitted;
    public int Count { get; } = count;
    public ReadOnlySpan<byte> Formats { get; } = formats;
    public ReadOnlySpan<byte> Values { get; } = values;

    public bool IsBinary(int parameter) => Formats.Length switch
    {
        0 => false,
        2 => BinaryPrimitives.ReadInt16BigEndian(Formats) == 1,
        _ => BinaryPrimitives.ReadInt16BigEndian(Formats[(parameter * 2)..]) == 1,
    };
}

/// <param name="outcome">completed; undone: completed, and rolled back by the failure of another in its sync unit, whose code it carries; failed, refused,
/// cancelled, skipped, unknown.</param>
/// <param name="status">Transaction status byte (`I`, `T`, `E`), 0 where unknown.</param>
/// <param name="micros">From forwarding to the end.</param>
/// <param name="masked">Values that were hidden.</param>
/// <param name="rows">Rows returned, or affected as the command tag says.</param>
public readonly ref struct OperationResult(
    string outcome, byte status, long micros, long rows, long bytes, ReadOnlySpan<byte> tag, ReadOnlySpan<byte> errorCode, ReadOnlySpan<byte> errorMessage,
    long masked = 0)
{
    public string Outcome { get; } = outcome;
    public byte Status { get; } = status;
    public long Micros { get; } = micros;
    public long Rows { get; } = rows;
    public long Bytes { get; } = bytes;
    public long Masked { get; } = masked;
    public ReadOnlySpan<byte> Tag { get; } = tag;
    public ReadOnlySpan<byte> ErrorCode { get; } = errorCode;
    public ReadOnlySpan<byte> ErrorMessage { get; } = errorMessage;
}
