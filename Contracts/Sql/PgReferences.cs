namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Columns, from where they are written back to the relations that they are of: through aliases, sub-selects, CTEs and UNIONs. What may mean several
/// columns is taken for all of them. A list of things to do instead of recursion.
/// </summary>
internal sealed class PgReferences(PgFindings found, PgCatalog catalog)
{
    private readonly Queue<(PgReference Reference, PgPlaces Places)> open = new();
    private readonly HashSet<(PgReference Reference, PgPlaces Places)> seen = [];
    private readonly HashSet<(PgDerived Derived, PgPlaces Places)> whole = [];
    private readonly HashSet<(string Column, PgPlaces Places)> traced = [];

    public void Add(PgReference reference, PgPlaces places)
    {
        if (seen.Add((reference, places)))
        {
            open.Enqueue((reference, places));
        }
    }

    /// <summary>The column at a position of the list.</summary>
    public void Add(PgScope scope, int position, PgPlaces places)
    {
        foreach (var arm in ArmsOf(scope))
        {
            if (position <= arm.Targets.Count && found.Step())
            {
                Add(arm.Targets[position - 1], places);
            }
        }
    }

    public void Run()
    {
        while (open.TryDequeue(out var next) && found.Step())
        {
            LookUp(next.Reference, next.Places);
        }
    }

    private static List<PgScope> ArmsOf(PgScope scope) => scope is { Targets.Count: 0, Whole: { } union } ? union.Arms : [scope];

    private void Add(PgTarget target, PgPlaces places)
    {
        foreach (var reference in target.References)
        {
            Add(reference, places);
        }
    }

    private void LookUp(PgReference reference, PgPlaces places)
    {
        var (scope, schema, qualifier, name) = reference;
        if (qualifier is not null)
        {
            Qualified(reference, places);
            return;
        }
        if (name is null)
        {
            foreach (var source in scope.Sources)
            {
                All(source, places);
            }
            return;
        }
        if ((places & (PgPlaces.Ordering | PgPlaces.Grouping)) != 0)
        {
            foreach (var arm in ArmsOf(scope))
            {
                ByName(arm, name, places);
            }
        }
        for (var around = scope; around is not null && found.Step(); around = around.Around)
        {
            if (Unqualified(around, name, places))
            {
                return;
            }
        }
    }

    private void ByName(PgScope scope, string name, PgPlaces places)
    {
        foreach (var target in scope.Targets)
        {
            if (found.Step() && target.Name == name)
            {
                Add(target, places);
            }
        }
    }

    /// <returns>Whether it is sure that the name is of this scope.</returns>
    private bool Unqualified(PgScope scope, string name, PgPlaces places)
    {
        var sure = false;
        foreach (var source in scope.Sources)
        {
            if (!found.Step())
            {
                return true;
            }
            if (Has(source, name) is var has && has != false)
            {
                Use(source, name, places);
                sure |= has == true;
            }
        }
        if (sure)
        {
            return true;
        }
        foreach (var source in scope.Sources)
        {
            if (source.Alias == name)
            {
                All(source, places); // a source's name by itself is its whole row
                return true;
            }
        }
        return false;
    }

    private void Qualified(PgReference reference, PgPlaces places)
    {
        for (var scope = reference.Scope; scope is not null && found.Step(); scope = scope.Around)
        {
            foreach (var source in scope.Sources)
            {
                if (!found.Step())
                {
                    return;
                }
                if (source.Alias == reference.Qualifier && (reference.Schema is null || source.Relation is null || source.Relation.Schema == reference.Schema))
                {
                    Use(source, reference.Name, places);
                    return;
                }
            }
            if (scope.JoinNames.Contains(reference.Qualifier!))
            {
                foreach (var source in scope.Sources)
                {
                    All(source, places); // a join's alias may rename its columns
                }
                return;
            }
        }
    }

    /// <returns>Null where it cannot be told.</returns>
    private bool? Has(PgSource source, string name)
    {
        if (source.Renamed?.Contains(name) == true)
        {
            return true;
        }
        if (source.Relation is { } relation)
        {
            found.Step(relation.Columns.Count / 8);
            return relation.Columns.Any(c => c.Name == name) || PgBuiltIns.IsSystemColumn(name);
        }
        if (source.Derived is { } derived)
        {
            found.Step(derived.Arms.Sum(a => a.Targets.Count) / 8);
            return derived.Renamed?.Contains(name) == true || derived.Arms.Any(a => a.Targets.Any(t => t.Name == name)) ? true : null;
        }
        return source.FullName is null ? false : null; // a function's columns are nobody's
    }

    private void Use(PgSource source, string? name, PgPlaces places)
    {
        if (name is null)
        {
            All(source, places);
        }
        else if (source.Derived is { } derived)
        {
            Use(derived, source.Renamed, name, places);
        }
        else if (source.FullName is { } relation)
        {
            var column = source.Renamed is { } renamed ? Original(source.Relation, renamed, name) : name;
            Trace($"{relation}.{column}", places);
        }
    }

    /// <summary>`t AS a (x, y)` renames the columns in order; `*` where it cannot be told which.</summary>
    private static string Original(PgRelation? relation, IReadOnlyList<string> renamed, string name)
    {
        for (var i = 0; i < renamed.Count; i++)
        {
            if (renamed[i] == name)
            {
                return relation is not null && i < relation.Columns.Count ? relation.Columns[i].Name : "*";
            }
        }
        return relation is null ? "*" : name;
    }

    private void Use(PgDerived derived, IReadOnlyList<string>? renamed, string name, PgPlaces places)
    {
        if (derived.Arms is not [var only] || (renamed ?? derived.Renamed) is not null)
        {
            All(derived, places);
            return;
        }
        foreach (var target in only.Targets)
        {
            if (!found.Step())
            {
                return;
            }
            if (target.Name == name)
            {
                Add(target, places);
            }
            foreach (var star in target.References)
            {
                if (star.Name is null)
                {
                    Add(star with { Name = name }, places);
                }
            }
        }
    }

    private void All(PgSource source, PgPlaces places)
    {
        if (source.Derived is { } derived)
        {
            All(derived, places);
        }
        else if (source.FullName is { } relation)
        {
            Trace($"{relation}.*", places);
        }
    }

    private void All(PgDerived derived, PgPlaces places)
    {
        if (!whole.Add((derived, places)))
        {
            return;
        }
        foreach (var arm in derived.Arms)
        {
            foreach (var target in arm.Targets)
            {
                if (found.Step())
                {
                    Add(target, places);
                }
            }
        }
    }

    /// <summary>A column, and those that its values come from: of a view, of a foreign key.</summary>
    private void Trace(string column, PgPlaces places)
    {
        var todo = new Stack<string>([column]);
        while (todo.TryPop(out var next) && found.Step())
        {
            if (!traced.Add((next, places)))
            {
                continue;
            }
            found.Use(next, places);
            var dot = next.LastIndexOf('.');
            if (catalog.Relations.GetValueOrDefault(next[..dot]) is not { } relation)
            {
                continue;
            }
            foreach (var own in relation.Columns)
            {
                if (next.AsSpan(dot + 1) is "*" || next.AsSpan(dot + 1).SequenceEqual(own.Name))
                {
                    foreach (var source in own.Source)
                    {
                        todo.Push(source);
                    }
                }
            }
        }
    }
}
