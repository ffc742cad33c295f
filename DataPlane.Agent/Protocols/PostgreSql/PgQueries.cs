using System.Net.Sockets;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A connection for the agent's own questions. It has no permit, and so no session can be made of it.</summary>
internal sealed class PgQueries(PgLink link) : IDisposable
{
    /// <summary>Who answers.</summary>
    public PgCluster? Cluster => link.Cluster;

    private const int LongestRow = 64 * 1024 * 1024;

    /// <summary>Of everything that is said to one question. The catalog of a very large database is well below.</summary>
    private const long LongestAnswer = 256 * 1024 * 1024;

    /// <param name="longest">Bytes of the whole answer.</param>
    /// <returns>The rows of all statements in the text, as text; null for NULL.</returns>
    /// <exception cref="PgQueryFailed">The database refused it; the connection is usable.</exception>
    /// <exception cref="IOException">The database is gone, or does not answer as one does.</exception>
    /// <exception cref="OperationCanceledException">Nobody waits for the answer any more; the connection is of no use.</exception>
    public async Task<List<string?[]>> Rows(string sql, CancellationToken cancel, long longest = LongestAnswer)
    {
        using var abort = cancel.Register(link.Channel.Wire.Reset);
        try
        {
            return await Ask(sql, longest);
        }
        catch (Exception reset) when (cancel.IsCancellationRequested && (reset is IOException or SocketException or ObjectDisposedException))
        {
            // INVARIANT: who gave up is not told that the database failed
            throw new OperationCanceledException(reset.Message, reset, cancel);
        }
    }

    private async Task<List<string?[]>> Ask(string sql, long longest)
    {
        await link.Channel.Send(PgFrame.OfTexts('Q', sql));
        var rows = new List<string?[]>();
        PgQueryFailed? error = null;
        while (true)
        {
            var (type, body) = await Read((int)Math.Min(longest, LongestRow));
            longest -= PgFrame.Header + body.Length;
            if (longest < 0)
            {
                throw new IOException("the database says more than was asked for");
            }
            switch (type)
            {
                case 'D':
                    rows.Add(Columns(body.Span));
                    break;
                case 'E':
                    error ??= new PgQueryFailed(Encoding.UTF8.GetString(PgError.Field(body.Span, 'C')), Encoding.UTF8.GetString(PgError.Field(body.Span, 'M')));
                    break;
                case 'Z':
                    return error is null ? rows : throw error;
            }
        }
    }

    private async ValueTask<(char Type, ReadOnlyMemory<byte> Body)> Read(int longest)
    {
        try
        {
            return await link.Channel.Read(longest);
        }
        catch (PgStop broken)
        {
            throw new IOException("the database breaks the protocol, or says more than was asked for", broken); // whose client is the agent: no other one is told
        }
    }

    private static string?[] Columns(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var count = reader.Count();
        if (reader.Rest.Length < count * sizeof(int))
        {
            throw new IOException("the database announces columns and does not send them"); // each would cost us, and nothing there
        }
        var columns = new string?[count];
        for (var i = 0; i < columns.Length; i++)
        {
            var length = reader.Int32();
            columns[i] = length < 0 ? null : Encoding.UTF8.GetString(reader.Bytes(length));
        }
        return reader.Exact ? columns : throw new IOException("a row of the database does not add up");
    }

    public void Dispose() => link.Channel.Wire.Dispose();
}

/// <summary>The database's own error.</summary>
/// <param name="code">SQLSTATE.</param>
internal sealed class PgQueryFailed(string code, string message) : IOException(message)
{
    public string Code { get; } = code;
}
