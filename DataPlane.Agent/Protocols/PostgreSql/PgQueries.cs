using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A connection for the agent's own questions. It has no permit, and so no session can be made of it.</summary>
internal sealed class PgQueries(PgLink link) : IDisposable
{
    private const int LongestRow = 64 * 1024 * 1024;

    /// <returns>The rows of all statements in the text, as text; null for NULL.</returns>
    /// <exception cref="IOException">The database refused it, or is gone.</exception>
    public async Task<List<string?[]>> Rows(string sql, CancellationToken cancel)
    {
        using var abort = cancel.Register(link.Channel.Wire.Reset);
        await link.Channel.Send(PgFrame.OfTexts('Q', sql));
        var rows = new List<string?[]>();
        string? error = null;
        while (true)
        {
            var (type, body) = await link.Channel.Read(LongestRow);
            switch (type)
            {
                case 'D':
                    rows.Add(Columns(body.Span));
                    break;
                case 'E':
                    error ??= Encoding.UTF8.GetString(PgError.Field(body.Span, 'M'));
                    break;
                case 'Z':
                    return error is null ? rows : throw new IOException(error);
            }
        }
    }

    private static string?[] Columns(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var columns = new string?[reader.Count()];
        for (var i = 0; i < columns.Length; i++)
        {
            var length = reader.Int32();
            columns[i] = length < 0 ? null : Encoding.UTF8.GetString(reader.Bytes(length));
        }
        return columns;
    }

    public void Dispose() => link.Channel.Wire.Dispose();
}
