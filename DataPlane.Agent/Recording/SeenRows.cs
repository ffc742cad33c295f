using System.Buffers.Binary;

namespace AccessPlane.Agent.Recording;

/// <summary>The rows of one result as the client got them, in wire form.</summary>
/// <param name="columns">Of each column Int32 type, Byte format (1: binary), Int32 length of the name, the name.</param>
/// <param name="rows">Of each row Int32 length (which counts itself), Int16 number of values, and of each value Int32 length (-1: null), bytes. Of COPY data each
/// piece, as it came, in the place of the values.</param>
/// <param name="rowsOmitted">That passed and are not here, with <paramref name="bytesOmitted"/>.</param>
/// <param name="copyIsBinary">Of COPY data whether it is in binary form; null where there are columns and values.</param>
public readonly ref struct SeenRows(ReadOnlySpan<byte> columns, ReadOnlySpan<byte> rows, long rowsOmitted, long bytesOmitted, bool? copyIsBinary = null)
{
    public ReadOnlySpan<byte> Columns { get; } = columns;
    public ReadOnlySpan<byte> Rows { get; } = rows;
    public long RowsOmitted { get; } = rowsOmitted;
    public long BytesOmitted { get; } = bytesOmitted;
    public bool? CopyIsBinary { get; } = copyIsBinary;

    /// <summary>The same without what takes room.</summary>
    public SeenRows Counted()
    {
        var (rows, bytes) = (RowsOmitted, BytesOmitted);
        for (var left = Rows; !left.IsEmpty;)
        {
            bytes += NextRow(ref left).Length;
            rows++;
        }
        return new SeenRows(default, default, rows, bytes);
    }

    /// <summary>Takes the next column off what is left of <see cref="Columns"/>.</summary>
    public static (uint Type, bool IsBinary) NextColumn(ref ReadOnlySpan<byte> left, out ReadOnlySpan<byte> name)
    {
        var (type, isBinary) = (BinaryPrimitives.ReadUInt32BigEndian(left), left[4] == 1);
        var length = BinaryPrimitives.ReadInt32BigEndian(left[5..]);
        name = left.Slice(9, length);
        left = left[(9 + length)..];
        return (type, isBinary);
    }

    /// <summary>Takes the next row off what is left of <see cref="Rows"/>.</summary>
    public static ReadOnlySpan<byte> NextRow(ref ReadOnlySpan<byte> left)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(left);
        var row = left[4..length];
        left = left[length..];
        return row;
    }
}
