namespace AccessPlane.Contracts.Sql;

/// <summary>The names that are visible in one part of a statement. Filled by the walk; names are looked up when the walk is over.</summary>
internal sealed class PgScope(PgScope? parent, int? cte = null)
{
    private readonly int? cte = cte;

    public PgScope? Parent { get; } = parent;

    public List<PgSource> Sources { get; } = [];
    public List<PgDerived> Ctes { get; } = [];
    public List<PgTarget> Targets { get; } = [];

    /// <summary>Names of joins in brackets: they stand for any of the sources.</summary>
    public List<string> JoinNames { get; } = [];

    /// <summary>What the statement writes to; null where it only reads.</summary>
    public PgSource? Written { get; set; }

    /// <summary>The UNION that this is, or is an arm of.</summary>
    public PgDerived? Whole { get; set; }

    public bool IsRecursive { get; set; }

    /// <summary>Where names are looked for next. A CTE's query does not see what stands beside it in FROM.</summary>
    public PgScope? Around => cte is null ? Parent : Parent?.Around;

    /// <summary>The CTE that a name means here; null where it means a relation.</summary>
    public PgDerived? Cte(string name, PgFindings found)
    {
        var limit = int.MaxValue;
        for (var scope = this; scope is not null; scope = scope.Parent)
        {
            // a CTE sees those before it; under RECURSIVE all of them, itself too
            for (var i = Math.Min(limit, scope.Ctes.Count) - 1; i >= 0; i--)
            {
                if (!found.Step() || scope.Ctes[i].Name == name)
                {
                    return scope.Ctes[i];
                }
            }
            if (!found.Step())
            {
                return null;
            }
            limit = scope.cte is { } own && scope.Parent is { IsRecursive: false } ? own : int.MaxValue;
        }
        return null;
    }
}

/// <summary>Something that has columns: in FROM, or what is written to.</summary>
internal sealed class PgSource(string alias)
{
    public string Alias { get; } = alias;

    /// <summary>As it is written; null where it is no relation.</summary>
    public string? Name { get; init; }
    public string? Schema { get; init; }

    /// <summary>A sub-select's or, once names are looked up, a CTE's rows; null for a relation or a function.</summary>
    public PgDerived? Derived { get; set; }

    /// <summary>Known once names are looked up; null where the catalog has none, and for what is no relation.</summary>
    public PgRelation? Relation { get; set; }

    /// <summary>`schema.name`, `.name` where the catalog does not know it; null for what is no relation.</summary>
    public string? FullName { get; set; }

    /// <summary>The columns' names where the alias renames them.</summary>
    public IReadOnlyList<string>? Renamed { get; init; }
}

/// <summary>Rows that a query makes: its arms are one SELECT, or all those of a UNION.</summary>
internal sealed class PgDerived(string name)
{
    public string Name { get; } = name;
    public List<PgScope> Arms { get; } = [];
    public IReadOnlyList<string>? Renamed { get; init; }
}

/// <summary>One entry of a SELECT or RETURNING list, with the columns it is made of.</summary>
internal sealed class PgTarget(string name)
{
    public string Name { get; } = name;
    public List<PgReference> References { get; } = [];
}

/// <param name="Name">Null for all of them: `*`.</param>
internal sealed record PgReference(PgScope Scope, string? Schema, string? Qualifier, string? Name);
