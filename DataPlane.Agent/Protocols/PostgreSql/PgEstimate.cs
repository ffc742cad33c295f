using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Gate;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// How many rows the database's planner expects a statement to touch, asked on a connection of the agent's own. Nothing is executed: EXPLAIN without
/// ANALYZE, in a transaction that only reads, of what the parser has found to be one statement of a few kinds, sent as the protocol's Parse, which
/// takes one statement and no more. Planning runs functions that promise to be immutable or stable, whatever they do: what could run one that is not
/// PostgreSQL's own is not asked about.
/// </summary>
internal static class PgEstimate
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly string[] Kinds = ["select", "insert", "update", "delete", "merge"];

    /// <returns>Null where it cannot be asked, or does not answer in time.</returns>
    public static async Task<long?> Rows(PgUpstream upstream, Permit permit, PgHold hold, TimeProvider time, ILogger log, CancellationToken cancel)
    {
        // what the catalog does not know may be anything by now
        if (hold.Facts is not { Statements: 1, Kinds.Count: > 0, OnlyBuiltIn: true, Opaque: null } facts || !facts.Kinds.All(Kinds.Contains) ||
            facts.Relations.Any(r => r.Name.StartsWith('.')))
        {
            return null;
        }
        using var patience = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        try
        {
            var backend = await upstream.Dial(permit, Relay.SocketWiring.Instance, upstream.OwnCredential, "accessplane", new Dictionary<string, string>(), hold.Text.In?.Catalog.PathSetting ?? "", both.Token);
            using var wire = backend.Channel.Wire;
            using var abort = both.Token.Register(wire.Reset);
            return await Ask(backend.Channel, hold);
        }
        catch (Exception failed) when (failed is SocketException or IOException or ObjectDisposedException or PgStop or PgUnreachable or OperationCanceledException or JsonException)
        {
            PgLog.NotEstimated(log, permit.Session, failed);
            return null;
        }
    }

    private static async Task<long?> Ask(PgChannel channel, PgHold hold)
    {
        await Run(channel, "begin read only"u8.ToArray());
        await Run(channel, "set local statement_timeout = '1s'"u8.ToArray());
        byte[] text = hold.Text.Text;
        if (hold.Bound.Count > 0)
        {
            // the values stay out of it: a plan for any of them
            await Run(channel, "set local plan_cache_mode = force_generic_plan"u8.ToArray());
            await Run(channel, [.. "prepare accessplane_estimate as "u8, .. text]);
            var nothing = string.Join(", ", Enumerable.Repeat("null", hold.Bound.Count));
            text = Encoding.ASCII.GetBytes($"execute accessplane_estimate({nothing})");
        }
        var plan = await Run(channel, [.. "explain (format json) "u8, .. text]);
        using var json = JsonDocument.Parse(plan);
        return RowsOf(json.RootElement[0].GetProperty("Plan"));
    }

    /// <summary>A node that changes rows returns none: what it reads is what it changes.</summary>
    private static long? RowsOf(JsonElement plan)
    {
        return plan.GetProperty("Node Type").GetString() == "ModifyTable" && plan.TryGetProperty("Plans", out var read)
            ? read.EnumerateArray().Where(p => p.GetProperty("Parent Relationship").GetString() is "Outer" or "Member").Sum(Rows)
            : Rows(plan);

        static long Rows(JsonElement node) => (long)Math.Min(node.GetProperty("Plan Rows").GetDouble(), 1e15);
    }

    /// <returns>The first column of its rows, one line each.</returns>
    private static async Task<string> Run(PgChannel channel, byte[] sql)
    {
        await channel.Send((byte[])
        [
            .. PgFrame.Of('P', [0, .. sql, 0, 0, 0]), .. PgFrame.Of('B', [0, 0, 0, 0, 0, 0, 0, 0]), .. PgFrame.Of('E', [0, 0, 0, 0, 0]), .. PgFrame.Of('S', []),
        ]);
        var lines = new StringBuilder();
        string? error = null;
        while (true)
        {
            var (type, body) = await channel.Read(1024 * 1024);
            switch (type)
            {
                case 'D':
                    lines.Append(FirstColumn(body.Span)).Append('\n');
                    break;
                case 'E':
                    error = Encoding.UTF8.GetString(PgError.Field(body.Span, 'M'));
                    break;
                case 'Z':
                    return error is null ? lines.ToString() : throw new IOException(error);
            }
        }
    }

    private static string FirstColumn(ReadOnlySpan<byte> row)
    {
        var reader = new PgReader(row);
        reader.Count();
        return Encoding.UTF8.GetString(reader.Bytes(reader.Int32()));
    }
}
