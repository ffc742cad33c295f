using System.Buffers.Binary;

namespace AccessPlane.Agent.Recording;

/// <summary>Rows, as they stand in the transcript.</summary>
internal sealed partial class TranscriptWriter
{
    /// <summary>Makes room at once for what an entry will need: to be called between two entries.</summary>
    public void Expect(int bytes) => buffer.GetSpan(bytes);

    public void Rows(in SeenRows seen)
    {
        var columns = seen.Columns;
        var rows = seen.Rows;
        if (!rows.IsEmpty && seen.CopyIsBinary is null)
        {
            json.WriteStartArray("columns"u8);
            while (!columns.IsEmpty)
            {
                var (type, _) = SeenRows.NextColumn(ref columns, out var name);
                json.WriteStartObject();
                Shown("name"u8, name);
                json.WriteNumber("type"u8, type);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        if (!rows.IsEmpty)
        {
            json.WriteStartArray("values"u8);
            while (!rows.IsEmpty)
            {
                Row(SeenRows.NextRow(ref rows), seen);
            }
            json.WriteEndArray();
        }
        if (seen.RowsOmitted > 0)
        {
            json.WriteNumber("rowsOmitted"u8, seen.RowsOmitted);
            json.WriteNumber("bytesOmitted"u8, seen.BytesOmitted);
        }
    }

    private void Row(ReadOnlySpan<byte> row, in SeenRows seen)
    {
        var columns = seen.Columns;
        json.WriteStartArray();
        if (seen.CopyIsBinary is { } copy)
        {
            Value(row, copy);
            row = default;
        }
        row = row[Math.Min(row.Length, 2)..]; // how many values there are
        while (!row.IsEmpty)
        {
            var isBinary = columns.IsEmpty || SeenRows.NextColumn(ref columns, out _).IsBinary;
            // a row whose lengths do not add up is the client's to refuse; what it carried is recorded all the same
            if (row.Length < 4 || BinaryPrimitives.ReadInt32BigEndian(row) is var length && length > row.Length - 4)
            {
                Value(row, binary: true);
                break;
            }
            row = row[4..];
            if (length < 0)
            {
                json.WriteNullValue();
                continue;
            }
            Value(row[..length], isBinary);
            row = row[length..];
        }
        json.WriteEndArray();
    }
}
