using System.Buffers.Binary;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Messages as a client and a server send them.</summary>
internal static class Frames
{
    public static byte[] Sync { get; } = PgFrame.Of('S', []);
    public static byte[] Flush { get; } = PgFrame.Of('H', []);
    public static byte[] Terminate { get; } = PgFrame.Of('X', []);
    public static byte[] CopyDone { get; } = PgFrame.Of('c', []);

    public static byte[] Query(string sql) => PgFrame.OfTexts('Q', sql);
    public static byte[] Parse(string name, string sql) => PgFrame.Of('P', [.. Text(name), .. Text(sql), 0, 0]);
    public static byte[] Execute(string portal = "", int rows = 0) => PgFrame.Of('E', [.. Text(portal), .. Int32(rows)]);
    public static byte[] Describe(char kind, string name) => PgFrame.Of('D', [(byte)kind, .. Text(name)]);
    public static byte[] Close(char kind, string name) => PgFrame.Of('C', [(byte)kind, .. Text(name)]);
    public static byte[] CopyData(string data) => PgFrame.Of('d', Encoding.UTF8.GetBytes(data));
    public static byte[] CopyFail(string why) => PgFrame.OfTexts('f', why);
    public static byte[] Bind(string portal, string statement, params byte[]?[] values) => PgFrame.Of('B', BindBody(portal, statement, values));

    public static byte[] BindBody(string portal, string statement, params byte[]?[] values)
    {
        var body = new List<byte>([.. Text(portal), .. Text(statement), 0, 0, (byte)(values.Length >> 8), (byte)values.Length]);
        foreach (var value in values)
        {
            body.AddRange(Int32(value?.Length ?? -1));
            body.AddRange(value ?? []);
        }
        body.AddRange([0, 0]);
        return [.. body];
    }

    public static byte[] Error(string code, string message, string severity = "ERROR") => PgError.Of(severity, code, message);
    public static byte[] Complete(string tag) => PgFrame.OfTexts('C', tag);

    /// <summary>A description of columns, each as `name` and its type; with `*` behind the name it comes in binary form.</summary>
    public static byte[] Columns(params (string Name, int Type)[] columns) => PgFrame.Of('T',
    [
        .. Int16(columns.Length),
        .. columns.SelectMany(c => (byte[])[.. Text(c.Name.TrimEnd('*')), .. new byte[6], .. Int32(c.Type), 0, 4, 255, 255, 255, 255, 0, (byte)(c.Name.EndsWith('*') ? 1 : 0)]),
    ]);

    public static byte[] Row(params string?[] values) => RowOf([.. values.Select(v => v is null ? null : Encoding.UTF8.GetBytes(v))]);

    public static byte[] RowOf(params byte[]?[] values) => PgFrame.Of('D',
        [.. Int16(values.Length), .. values.SelectMany(v => v is null ? Int32(-1) : [.. Int32(v.Length), .. v])]);

    private static byte[] Int16(int value) => [(byte)(value >> 8), (byte)value];

    public static byte[] Ready(char status) => PgFrame.Of('Z', [(byte)status]);
    public static byte[] Answer(char type, params byte[] body) => PgFrame.Of(type, body);

    /// <summary>A message whose length says something else than what is there.</summary>
    public static byte[] Lying(char type, int length, params byte[] body) => [(byte)type, .. Int32(length), .. body];

    public static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    /// <summary>Whole messages, for people: errors with their code, tags and status with their text.</summary>
    public static string Story(ReadOnlySpan<byte> stream)
    {
        var told = new List<string>();
        while (stream.Length >= PgFrame.Header && stream.Length > PgFrame.LengthAt(stream))
        {
            var body = stream[PgFrame.Header..(PgFrame.LengthAt(stream) + 1)];
            told.Add((char)stream[0] switch
            {
                'E' => $"E{Encoding.UTF8.GetString(PgError.Field(body, 'C'))}",
                'Z' => $"Z{(char)body[0]}",
                'C' => $"C[{Encoding.UTF8.GetString(body[..^1])}]",
                var type => type.ToString(),
            });
            stream = stream[(PgFrame.LengthAt(stream) + 1)..];
        }
        return string.Join(' ', stream.IsEmpty ? told : [.. told, $"+{stream.Length}"]);
    }
}
