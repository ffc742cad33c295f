using System.Collections.Frozen;

namespace AccessPlane.Contracts.Sql;

/// <summary>Partitions and inheritance: what is done to one relation is done to rows of these too.</summary>
internal static class PgFamily
{
    /// <returns>By `schema.name`: all that it descends from, and all that descends from it. Relations without kin are left out.</returns>
    public static FrozenDictionary<string, IReadOnlyList<string>> Of(PgCatalog catalog)
    {
        var kin = new Dictionary<string, IReadOnlyList<string>>();
        var children = catalog.Relations.Values.SelectMany(r => r.Parents.Select(p => (Parent: p, Child: r.FullName)))
            .ToLookup(p => p.Parent, p => p.Child);
        foreach (var relation in catalog.Relations.Values.Where(r => r.Parents.Count > 0 || children.Contains(r.FullName)))
        {
            var found = new Distinct<string>();
            Collect(relation.FullName, name => children[name], found);
            Collect(relation.FullName, name => catalog.Relations.GetValueOrDefault(name)?.Parents ?? [], found);
            kin[relation.FullName] = [.. found.Order(StringComparer.Ordinal)];
        }
        return kin.ToFrozenDictionary();
    }

    private static void Collect(string name, Func<string, IEnumerable<string>> next, Distinct<string> found)
    {
        var todo = new Stack<string>(next(name));
        while (todo.TryPop(out var relative))
        {
            if (relative != name && found.Add(relative))
            {
                foreach (var further in next(relative))
                {
                    todo.Push(further);
                }
            }
        }
    }
}
