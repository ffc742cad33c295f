using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Projections;

/// <summary>
/// A read model: rows by key, each a JSON document in the table <c>accessplane.p_{name}</c> with generated columns for what is searched.
/// Disposable: folded from the log alone, so that a rebuild gives the same table, byte for byte.
/// </summary>
public abstract class Projection(string name, params Type[] events)
{
    private readonly HashSet<string> types = [.. events.Select(EventNames.Of)];
    private RowShape? rows;
    private string? shape;

    public string Name { get; } = name;

    /// <summary>Without its schema.</summary>
    public string Table { get; } = $"p_{name.Replace('-', '_')}";

    /// <summary>Stored names of the events that it folds.</summary>
    public IReadOnlyCollection<string> Types => types;

    /// <summary>Generated columns: SQL definitions.</summary>
    public virtual IReadOnlyList<string> Columns => [];

    /// <summary>The column whose order is that of time: the key itself, where it is a UUIDv7. One that follows from another (<see cref="Ids.Derive"/>) is in no order.</summary>
    public virtual string Newest => "key";

    /// <summary>Indexes: the end of a name, and the SQL that follows the table's name.</summary>
    public virtual IReadOnlyList<(string Name, string Definition)> Indexes => [];

    /// <summary>What an event changes, in order. Pure.</summary>
    public abstract IEnumerable<Change> Changes(Stored stored);

    public bool Folds(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        return types.Contains(EventNames.Of(stored.Event));
    }

    /// <summary>What whoever reads the table relies on.</summary>
    internal RowShape Rows => rows ??= new([.. DescribeRow(), .. Columns]);

    /// <summary>A table of another shape was made by another version: it is folded anew, and read meanwhile where <see cref="Rows"/> can be.</summary>
    public string Shape => shape ??=
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [.. Rows.Lines, .. Indexes.Select(i => $"{i}"), .. Types.Order(StringComparer.Ordinal)]))))[..16];

    internal abstract object ReadRow(string json);

    internal abstract string WriteRow(object row);

    private protected abstract IEnumerable<string> DescribeRow();
}

/// <param name="Apply">The row before (null: none) → the row after (null: none).</param>
public sealed record Change(string Key, Func<object?, object?> Apply);

/// <summary>A read model whose rows are <typeparamref name="TRow"/>.</summary>
public abstract class Projection<TRow>(string name, params Type[] events) : Projection(name, events)
    where TRow : class
{
    public static TRow Read(string json) => JsonSerializer.Deserialize<TRow>(json, Json.Options)!;

    /// <summary>The row that begins with this event.</summary>
    protected static Change Begin(string key, TRow row) => new(key, _ => row);

    /// <summary>Changes the row where there is one; an event about a row that never began changes nothing.</summary>
    protected static Change Update(string key, Func<TRow, TRow?> apply) => new(key, before => before is TRow row ? apply(row) : null);

    /// <summary>Changes the row, or begins it.</summary>
    protected static Change Upsert(string key, Func<TRow?, TRow> apply) => new(key, before => apply((TRow?)before));

    internal sealed override object ReadRow(string json) => Read(json);

    internal sealed override string WriteRow(object row) => JsonSerializer.Serialize((TRow)row, Json.Options);

    private protected override IEnumerable<string> DescribeRow() => RowShape.Describe(typeof(TRow));
}
