using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Projections;
using Npgsql;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>
/// Judges recorded operations again. The database adds them up by what they were judged by, part of the period after part, so that each different
/// thing is judged once, however often it was done.
/// </summary>
public sealed class WhatIfReplay(NpgsqlDataSource database, Operations operations, Projections.Sessions sessions, RulingBases bases, PolicyVersions policies)
{
    private const int Parts = 32;

    /// <summary>What is kept of things that were judged already, at most.</summary>
    private const int MostKnown = 1 << 20;

    private static readonly IReadOnlyList<(WhatIfKind, string)> Nothing = [];

    /// <summary>What it reads.</summary>
    public IReadOnlyList<Projection> Reads { get; } = [operations, sessions, bases];

    public async IAsyncEnumerable<WhatIfLine> Run(WhatIfAsk ask, [EnumeratorCancellation] CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(ask);
        await using var connection = await database.OpenConnectionAsync(cancel);
        // one state of the record for all parts
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        // before the state is taken: none of them is put in another's place from here on, of which that state would know nothing
        await Execute(connection, $"LOCK TABLE {string.Join(", ", Reads.Select(p => $"accessplane.{p.Table}"))} IN ACCESS SHARE MODE", cancel);
        var contexts = await Contexts(connection, ask, cancel);
        var scopes = new Dictionary<string, Scope?>(StringComparer.Ordinal);
        var known = new Dictionary<Judged, IReadOnlyList<(WhatIfKind, string)>?>();
        var tally = new WhatIfTally();
        long count = 0, judged = 0, distinct = 0;
        for (var part = 0; part < Parts; part++)
        {
            yield return new WhatIfLine(new WhatIfProgress((double)part / Parts, count));
            var span = (ask.To - ask.From) / Parts;
            var groups = await Groups(connection, ask.From + (part * span), part == Parts - 1 ? ask.To : ask.From + ((part + 1) * span), cancel);
            var fresh = groups.Where(g => !known.ContainsKey(g.What)).Select(g => g.What).ToHashSet();
            if (known.Count + fresh.Count > MostKnown)
            {
                known.Clear();
                fresh = [.. groups.Select(g => g.What)];
            }
            var facts = await Facts(connection, [.. fresh.Select(w => w.Facts).OfType<string>().Distinct()], cancel);
            foreach (var what in fresh)
            {
                known[what] = await Differs(connection, what, contexts[what.Context], facts, scopes, ask.Candidate, cancel);
                distinct += known[what] is null ? 0 : 1;
            }
            foreach (var (what, number, example) in groups)
            {
                count += number;
                if (known[what] is { } changes)
                {
                    judged += number;
                    tally.Add(changes, contexts[what.Context].Holder.Display, contexts[what.Context].Resource, number, example);
                }
            }
        }
        var found = tally.Changes;
        var shown = await Exemplified(connection, found.Take(WhatIfTally.MostChanges).ToList(), cancel);
        yield return new WhatIfLine(new WhatIfProgress(1, count));
        yield return new WhatIfLine(Result: new WhatIfResult(
            ask.From, ask.To, ask.Resource, count, judged, distinct, tally.Changed, shown, found.Count - shown.Count));
    }

    /// <summary>Who asked under which entitlement of which resource: numbered, for the sessions of the transaction.</summary>
    private async Task<Dictionary<int, OperationContext>> Contexts(NpgsqlConnection connection, WhatIfAsk ask, CancellationToken cancel)
    {
        await Execute(connection, "SET LOCAL work_mem = '64MB'", cancel);
        await Execute(
            connection, "CREATE TEMP TABLE what_if_sessions (key text COLLATE \"C\", context int, holder jsonb, entitlement text, resource text) ON COMMIT DROP", cancel);
        await Execute(
            connection,
            "INSERT INTO what_if_sessions SELECT key, dense_rank() OVER (ORDER BY row -> 'holder', row ->> 'entitlement', resource), row -> 'holder', " +
            $"row ->> 'entitlement', resource FROM accessplane.{sessions.Table} WHERE $1 = '' OR resource = $1", cancel, ask.Resource ?? "");
        await Execute(connection, "ANALYZE what_if_sessions", cancel);
        var contexts = new Dictionary<int, OperationContext>();
        await using var read = new NpgsqlCommand(
            "SELECT DISTINCT ON (context) context, holder::text, entitlement, resource FROM what_if_sessions ORDER BY context", connection);
        await using var reader = await read.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            contexts[reader.GetInt32(0)] = new OperationContext(
                reader.GetString(3), JsonSerializer.Deserialize<Actor>(reader.GetString(1), Json.Options)!, reader.GetString(2), Scope.Any);
        }
        return contexts;
    }

    private static async Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancel, params string[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(values.Select(v => new NpgsqlParameter { Value = v }).ToArray());
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task<List<(Judged What, long Operations, string Example)>> Groups(
        NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "SELECT s.context, o.facts_hash, o.scope_hash, coalesce(o.in_transaction, false), o.policy, count(*), min(o.key) " +
            $"FROM accessplane.{operations.Table} o JOIN what_if_sessions s ON s.key = o.session WHERE o.at >= $1 AND o.at < $2 GROUP BY 1, 2, 3, 4, 5", connection)
        {
            CommandTimeout = 0,
            Parameters = { new NpgsqlParameter { Value = WhatIfAsk.Stamp(from) }, new NpgsqlParameter { Value = WhatIfAsk.Stamp(to) } },
        };
        var groups = new List<(Judged, long, string)>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var what = new Judged(
                reader.GetInt32(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetBoolean(3),
                reader.GetInt64(4));
            groups.Add((what, reader.GetInt64(5), reader.GetString(6)));
        }
        return groups;
    }

    /// <summary>What would have changed; null where it cannot be judged again.</summary>
    private async Task<IReadOnlyList<(WhatIfKind, string)>?> Differs(
        NpgsqlConnection connection, Judged what, OperationContext context, Dictionary<string, StatementFacts> facts, Dictionary<string, Scope?> scopes,
        PublishedPolicy candidate, CancellationToken cancel)
    {
        if (what is not { Facts: { } factsHash, Scope: { } scopeHash } || !facts.TryGetValue(factsHash, out var fact) ||
            await policies.Find(what.Policy, cancel) is not { } then)
        {
            return null;
        }
        if (!scopes.TryGetValue(scopeHash, out var scope))
        {
            scopes[scopeHash] = scope = await Basis(connection, scopeHash, cancel);
        }
        if (scope is null)
        {
            return null;
        }
        var asked = context with { Scope = scope, InTransaction = what.InTransaction };
        var (before, after) = (Evaluator.Judge(fact, asked, then), Evaluator.Judge(fact, asked, candidate));
        if (fact is { Lineage: null, Unknown: null } && (MaskPlan.HideColumns(before.Masks) || MaskPlan.HideColumns(after.Masks)))
        {
            return null; // an agent of today would have looked at what shows: that it was not recorded says nothing of the statement
        }
        var changes = WhatIfTally.Compare(before, after);
        return changes.Count == 0 ? Nothing : changes;
    }

    private async Task<Scope?> Basis(NpgsqlConnection connection, string hash, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT row::text FROM accessplane.{bases.Table} WHERE key = $1", connection) { Parameters = { new() { Value = hash } } };
        return await command.ExecuteScalarAsync(cancel) is string row ? RulingBases.Read(row).Scope : null;
    }

    private async Task<Dictionary<string, StatementFacts>> Facts(NpgsqlConnection connection, string[] hashes, CancellationToken cancel)
    {
        var facts = new Dictionary<string, StatementFacts>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(
            $"SELECT key, (row -> 'facts')::text FROM accessplane.{bases.Table} WHERE key = ANY ($1) AND row ? 'facts'", connection)
        {
            CommandTimeout = 0,
            Parameters = { new NpgsqlParameter { Value = hashes } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            facts[reader.GetString(0)] = JsonSerializer.Deserialize<StatementFacts>(reader.GetString(1), Json.Options)!;
        }
        return facts;
    }

    private async Task<List<WhatIfChange>> Exemplified(
        NpgsqlConnection connection, List<(WhatIfChange Change, IReadOnlyList<string> Examples)> found, CancellationToken cancel)
    {
        var texts = new Dictionary<string, WhatIfExample>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand(
            $"SELECT key, session, (row ->> 'op')::bigint, at, left(row ->> 'text', 1000) FROM accessplane.{operations.Table} WHERE key = ANY ($1)", connection)
        {
            Parameters = { new NpgsqlParameter { Value = found.SelectMany(f => f.Examples).Distinct().ToArray() } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            texts[reader.GetString(0)] = new WhatIfExample(
                Guid.Parse(reader.GetString(1)), reader.GetInt64(2), DateTimeOffset.Parse(reader.GetString(3), CultureInfo.InvariantCulture), reader.GetString(4));
        }
        return [.. found.Select(f => f.Change with { Examples = [.. f.Examples.Select(e => texts[e])] })];
    }

    /// <summary>Everything that a ruling depends on.</summary>
    private sealed record Judged(int Context, string? Facts, string? Scope, bool InTransaction, long Policy);
}
