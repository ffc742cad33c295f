namespace AccessPlane.Contracts.Sql;

/// <summary>What the walk has seen of names, and what they mean once all of it has been seen.</summary>
internal sealed class PgColumns(PgFindings found, PgCatalog catalog)
{
    private readonly List<(PgScope Scope, PgSource Source, PgEvents Events, bool Reads)> relations = [];
    private readonly List<(PgReference Reference, PgPlaces Places)> references = [];
    private readonly List<(PgSource Source, string? Column)> assigned = [];
    private readonly List<(PgScope Scope, int Position, PgPlaces Places)> positions = [];

    /// <summary>A relation that is named, as what it is named there.</summary>
    public PgSource Source(PgNode relation, PgScope scope, PgEvents events, bool reads)
    {
        var alias = relation["alias"u8];
        var name = relation["relname"u8].Text ?? "";
        var source = new PgSource(alias["aliasname"u8].Text ?? name)
        {
            Name = name,
            Schema = relation["schemaname"u8].Text,
            Renamed = PgTree.Texts(alias["colnames"u8]),
        };
        scope.Sources.Add(source);
        relations.Add((scope, source, events, reads));
        return source;
    }

    /// <summary>The statement's target is changed in this way too.</summary>
    public void Also(PgScope scope, PgEvents events)
    {
        if (scope.Written is { } target)
        {
            relations.Add((scope, target, events, true));
        }
    }

    /// <summary>A relation that is named by a plain list of names.</summary>
    public void Touch(string? schema, string name, PgEvents events) =>
        relations.Add((new PgScope(null), new PgSource(name) { Name = name, Schema = schema }, events, false));

    /// <param name="column">Null for all of them.</param>
    public void Assign(PgSource source, string? column) => assigned.Add((source, column));

    public void Refer(PgReference reference, in PgPlace here)
    {
        here.Target?.References.Add(reference);
        if (here.Places != PgPlaces.None)
        {
            references.Add((reference, here.Places));
        }
    }

    public void Position(PgScope scope, int position, PgPlaces places) => positions.Add((scope, position, places));

    /// <param name="arguments">Null where it cannot be told.</param>
    /// <param name="isPlanned">What only is planned runs nothing that changes anything.</param>
    public void Call((string? Schema, string Name) function, int? arguments, bool isPlanned)
    {
        if (!found.Step())
        {
            return;
        }
        var known = false;
        foreach (var candidate in Candidates(function.Schema, function.Name, arguments))
        {
            known = true;
            found.Functions.Add(candidate.FullName);
            if (!isPlanned || candidate.Volatility != 'v')
            {
                Follow(candidate);
            }
        }
        if (known)
        {
            return;
        }
        Type(function.Schema, function.Name); // `type(value)` is a cast
        if (catalog.Type(function.Schema, function.Name) is null)
        {
            found.Functions.Add($"{function.Schema}.{function.Name}");
            // a name that is there takes other arguments, as far as can be told here; temporary ones are never read
            if (function.Schema?.StartsWith("pg_temp", StringComparison.Ordinal) == true || Candidates(function.Schema, function.Name, null).Any())
            {
                found.Hide($"the function `{function.Name}` is not known here");
            }
            found.CallUnknown(function.Name);
        }
    }

    /// <summary>A field of a row, where a function of one argument may be meant.</summary>
    public void MayCall(string name, bool isPlanned)
    {
        foreach (var candidate in Candidates(null, name, 1))
        {
            found.Functions.Add(candidate.FullName);
            if (!isPlanned || candidate.Volatility != 'v')
            {
                Follow(candidate);
            }
        }
    }

    private IEnumerable<PgFunction> Candidates(string? schema, string name, int? arguments)
    {
        // all that the call may mean: which one, the types decide, and those are not known here
        IEnumerable<string> schemas = schema is null ? catalog.SearchPath : [schema];
        return schemas.SelectMany(s => catalog.FunctionsNamed(s, name)).Where(f => arguments is not { } count || f.Takes(count));
    }

    private void Follow(PgFunction function)
    {
        if (!function.IsBuiltIn || PgBuiltIns.WhyOpaque(function.Name) is not null)
        {
            found.Calls.Add(function.Oid);
        }
    }

    public void Operator((string? Schema, string Name) symbol, bool isPlanned)
    {
        if (catalog.Operators.TryGetValue(symbol.Name, out var all))
        {
            foreach (var one in all)
            {
                if (symbol.Schema is null ? catalog.SearchPath.Contains(one.Schema) : symbol.Schema == one.Schema)
                {
                    found.Calls.Add(one.Function);
                }
            }
        }
    }

    public void Type(string? schema, string name)
    {
        if (catalog.Type(schema, name) is { } type)
        {
            foreach (var function in type.Runs)
            {
                found.Calls.Add(function);
            }
        }
    }

    public void LookUp()
    {
        foreach (var (scope, source, events, reads) in relations)
        {
            if (!found.Step())
            {
                return;
            }
            Find(scope, source, events, reads);
        }
        var lookup = new PgReferences(found, catalog);
        foreach (var (reference, places) in references)
        {
            lookup.Add(reference, places);
        }
        foreach (var (scope, position, places) in positions)
        {
            lookup.Add(scope, position, places);
        }
        lookup.Run();
        foreach (var (source, column) in assigned)
        {
            if (source.FullName is { } relation)
            {
                found.Use($"{relation}.{column ?? "*"}", PgPlaces.Assigned);
            }
        }
    }

    private void Find(PgScope scope, PgSource source, PgEvents events, bool reads)
    {
        if (source.Schema is null && events == PgEvents.Select && scope.Cte(source.Name!, found) is { } cte)
        {
            source.Derived = cte;
            return;
        }
        source.Relation = catalog.Relation(source.Schema, source.Name!);
        source.FullName = source.Relation?.FullName ?? $"{source.Schema}.{source.Name}";
        var access = events == PgEvents.Select ? RelationAccess.Read : reads ? RelationAccess.Read | RelationAccess.Write : RelationAccess.Write;
        found.Use(source.FullName, access);
        if (source.Relation is { } relation)
        {
            found.Touched.Add((relation.FullName, events));
        }
    }
}
