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
    public string Name { get; } = name;

    /// <summary>Without its schema.</summary>
    public string Table { get; } = $"p_{name.Replace('-', '_')}";

    /// <summary>Stored names of the events that it folds.</summary>
    public IReadOnlyList<string> Types { get; } = [.. events.Select(EventNames.Of)];

    /// <summary>Generated columns and indexes: SQL, one statement each, run once after the table is made. `{table}` stands for its full name, `{index}` for a prefix of index names.</summary>
    public virtual IReadOnlyList<string> Columns => [];

    /// <summary>What an event changes, in order. Pure.</summary>
    public abstract IEnumerable<Change> Changes(Stored stored);

    /// <summary>What the table looks like. A table of another shape was made by another version: it is thrown away and folded anew.</summary>
    public string Shape => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', ["position", .. Columns, .. Types, DescribeRow()]))))[..16];

    private protected abstract string DescribeRow();
}

/// <param name="Apply">The row before (JSON; null: none) → the row after (null: none).</param>
public sealed record Change(string Key, Func<string?, string?> Apply);

/// <summary>A read model whose rows are <typeparamref name="TRow"/>.</summary>
public abstract class Projection<TRow>(string name, params Type[] events) : Projection(name, events)
    where TRow : class
{
    public static TRow Read(string json) => JsonSerializer.Deserialize<TRow>(json, Json.Options)!;

    /// <summary>The row that begins with this event.</summary>
    protected static Change Begin(string key, TRow row) => new(key, _ => Write(row));

    /// <summary>Changes the row where there is one; an event about a row that never began changes nothing.</summary>
    protected static Change Update(string key, Func<TRow, TRow?> apply) =>
        new(key, before => before is not null && apply(Read(before)) is { } after ? Write(after) : null);

    /// <summary>Changes the row, or begins it.</summary>
    protected static Change Upsert(string key, Func<TRow?, TRow> apply) => new(key, before => Write(apply(before is null ? null : Read(before))));

    private protected override string DescribeRow() => Describe(typeof(TRow), []);

    /// <summary>The members of a row, and of the records within, as JSON sees them.</summary>
    private static string Describe(Type type, HashSet<Type> known)
    {
        if (type.IsGenericType)
        {
            return $"{type.Name}<{string.Join(',', type.GetGenericArguments().Select(t => Describe(t, known)))}>";
        }
        var ours = type.Namespace?.StartsWith("AccessPlane.", StringComparison.Ordinal) == true && type.IsClass;
        return ours && known.Add(type)
            ? $"{type.Name}({string.Join(',', type.GetProperties().Where(p => p.CanWrite).Select(p => $"{p.Name}:{Describe(p.PropertyType, known)}"))})"
            : type.Name;
    }

    private static string Write(TRow row) => JsonSerializer.Serialize(row, Json.Options);
}
