using System.Globalization;
using Npgsql;

namespace AccessPlane.Projections;

/// <summary>Reads the tables of read models: one row, or a page.</summary>
public sealed class Rows(NpgsqlDataSource database, string schema = "accessplane")
{
    public const int MaxPage = 1000;

    /// <summary>A page ends with the row that reaches this many characters of JSON: rows may be large, and 1000 of them must not fill the memory.</summary>
    public const int MaxPageSize = 4 * 1024 * 1024;

    public async Task<TRow?> Find<TRow>(Projection<TRow> projection, string key, CancellationToken cancel)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(projection);
        await using var command = database.CreateCommand($"SELECT row::text FROM {schema}.{projection.Table} WHERE key = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = key });
        return await command.ExecuteScalarAsync(cancel) is string row ? Projection<TRow>.Read(row) : null;
    }

    /// <summary>A page, in the query's order.</summary>
    public Task<Page<TRow>> List<TRow>(Projection<TRow> projection, Query query, CancellationToken cancel)
        where TRow : class => List(projection, query, row => row, cancel);

    /// <param name="query">What to look for, and from where on.</param>
    /// <param name="see">The row as the caller may see it; null where they may not.</param>
    public async Task<Page<TShown>> List<TRow, TShown>(Projection<TRow> projection, Query query, Func<TRow, TShown?> see, CancellationToken cancel)
        where TRow : class
        where TShown : class
    {
        ArgumentNullException.ThrowIfNull(projection);
        ArgumentNullException.ThrowIfNull(query);
        var shown = new List<TShown>();
        var (after, size) = (query.After, 0L);
        // a row that the caller may not see does not count: the page is filled from the rows behind it
        while (true)
        {
            var (rows, more) = await Read(projection, query, after, cancel);
            foreach (var (place, row, length) in rows)
            {
                if (see(row) is { } one)
                {
                    if (shown.Count == query.Limit || size >= MaxPageSize)
                    {
                        return new Page<TShown>(shown, after);
                    }
                    shown.Add(one);
                    size += length;
                }
                after = place;
            }
            if (!more)
            {
                return new Page<TShown>(shown, null);
            }
        }
    }

    /// <returns>Rows, as many as fit into a page and one more; and whether there are others behind them.</returns>
    private async Task<(List<(string Place, TRow Row, int Size)> Rows, bool More)> Read<TRow>(
        Projection<TRow> projection, Query query, string? after, CancellationToken cancel)
        where TRow : class
    {
        var (column, order, behind) = query.NewestFirst ? (projection.Newest, "DESC", "<") : ("key", "ASC", ">");
        await using var command = database.CreateCommand();
        var conditions = query.Conditions.Select((c, i) =>
        {
            command.Parameters.Add(new NpgsqlParameter { Value = c.Value });
            return c.Sql.Replace("?", "$" + (i + 1).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        }).ToList();
        if (after is not null)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = after });
            conditions.Add($"{column} {behind} ${command.Parameters.Count}");
        }
        var where = conditions.Count == 0 ? "" : $"WHERE {string.Join(" AND ", conditions)}";
        command.CommandText = $"SELECT {column}, row::text FROM {schema}.{projection.Table} {where} ORDER BY {column} {order} LIMIT {query.Limit + 1}";
        var rows = new List<(string, TRow, int)>();
        var size = 0L;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var row = reader.GetString(1);
            rows.Add((reader.GetString(0), Projection<TRow>.Read(row), row.Length));
            size += row.Length;
            if (size > MaxPageSize)
            {
                return (rows, await reader.ReadAsync(cancel));
            }
        }
        return (rows, rows.Count > query.Limit);
    }
}

/// <param name="Conditions">All must hold.</param>
/// <param name="After">The cursor of the page before; null for the first.</param>
/// <param name="NewestFirst">By <see cref="Projection.Newest"/>, descending; otherwise by key, ascending.</param>
public sealed record Query(IReadOnlyList<Condition> Conditions, string? After, int Limit, bool NewestFirst = true);

/// <param name="Sql">A fragment of our own with `?` for the value, never anybody's input.</param>
public sealed record Condition(string Sql, object Value);

/// <param name="Next">Cursor of the next page (`?after=`); null where this is the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);
