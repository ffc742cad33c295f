using System.Collections.Concurrent;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// What came with PostgreSQL itself: most of any catalog, the same in all databases of a server, and hardly ever changed. Read once for each way that it
/// is, so that a change of the schema costs what is the database's own.
/// </summary>
/// <param name="Relations">Rows as the server gives them: what else the database says is put beside them each time.</param>
internal sealed record PgShipped(IReadOnlyList<string?[]> Relations, IReadOnlyList<PgFunction> Functions)
{
    private const int Most = 32;

    private static readonly ConcurrentDictionary<(string System, string Fingerprint), PgShipped> Known = [];

    /// <summary>As of the moment of the transaction that <paramref name="queries"/> is in.</summary>
    public static async Task<PgShipped> Of(PgQueries queries, CancellationToken cancel)
    {
        if (queries.Cluster?.System is not { } system)
        {
            return await Read(queries, cancel); // which server it is, is not known: what another one says is no truth of it
        }
        var fingerprint = (system, (await queries.Rows(PgCatalogSql.ShippedFingerprint, cancel))[0][0]!);
        if (Known.TryGetValue(fingerprint, out var known))
        {
            return known;
        }
        var read = await Read(queries, cancel);
        if (Known.Count >= Most)
        {
            Known.Clear(); // servers that change all the time: what is forgotten is read again
        }
        return Known[fingerprint] = read;
    }

    private static async Task<PgShipped> Read(PgQueries queries, CancellationToken cancel)
    {
        var functions = new PgCatalogReader();
        return new PgShipped(
            await queries.Rows(PgCatalogSql.ShippedRelations, cancel), [.. (await queries.Rows(PgCatalogSql.ShippedFunctions, cancel)).Select(functions.Function)]);
    }
}
