using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>`catalog`: what the relations of a database and their columns are called, as its agent reads them; PostgreSQL's own left out. Sent once a session has
/// made the agent look, and when it has changed since.</summary>
/// <param name="Hash"><see cref="HashOf"/> the relations.</param>
/// <param name="Relations">Empty where there are too many names to be told.</param>
/// <param name="IsAll">Whether these are all.</param>
public sealed record CatalogNames(string Resource, string Database, string Hash, IReadOnlyList<RelationNames> Relations, bool IsAll)
{
    /// <summary>Of relations and columns together.</summary>
    public const int MostNames = 10_000;

    /// <summary>Of one name, in characters: `schema.relation` of the longest names that PostgreSQL has.</summary>
    public const int LongestName = 127;

    public static CatalogNames Of(string resource, string database, IReadOnlyList<RelationNames> relations)
    {
        ArgumentNullException.ThrowIfNull(relations);
        var isAll = relations.Count + relations.Sum(r => r.Columns.Count) <= MostNames;
        IReadOnlyList<RelationNames> told = isAll ? relations : [];
        return new CatalogNames(resource, database, HashOf(told), told, isAll);
    }

    /// <summary>SHA-256, lower-case hex. No name holds a zero byte.</summary>
    public static string HashOf(IReadOnlyList<RelationNames> relations)
    {
        ArgumentNullException.ThrowIfNull(relations);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var relation in relations)
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{relation.Relation}\0{string.Join('\0', relation.Columns)}\0\0"));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <param name="Relation">`schema.name`.</param>
public sealed record RelationNames(string Relation, IReadOnlyList<string> Columns);
