using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// The masked columns of a database, and the relations that show them in another form. Rules match names; from there a mask follows the value: to the same
/// column of parents, children and partitions, along foreign keys in both directions, and to what is computed from it. What was masked when its view was
/// made stays masked under whatever name, and where a table is made again. Pure.
/// </summary>
internal sealed class MaskedSet
{
    private readonly Dictionary<GroundPlace, MaskWith> masks = [];
    private readonly Dictionary<uint, string> hidden = [];
    private readonly HashSet<uint> covered = [];

    private MaskedSet(MaskGround ground)
    {
        Known = MaskMemory.Known(ground);
        Newer = MaskNewColumns.Of(ground, Known);
    }

    public IReadOnlyDictionary<GroundPlace, MaskWith> Columns => masks;

    /// <summary>What is remembered of tables that there are.</summary>
    public IReadOnlyDictionary<uint, KnownTable> Known { get; }

    /// <summary>Columns that are newer than the masks: what they hold nobody has looked at yet.</summary>
    public IReadOnlySet<GroundPlace> Newer { get; }

    /// <summary>All that is shown to nobody as it is.</summary>
    public IEnumerable<GroundPlace> Covered => masks.Keys.Union(Newer);

    /// <summary>Relations with a column that is shown to nobody as it is.</summary>
    public IReadOnlySet<uint> Relations => covered;

    /// <summary>Views and what else shows masked columns in another form, or something nobody can follow: nobody gets them. With the reason.</summary>
    public IReadOnlyDictionary<uint, string> Hidden => hidden;

    /// <summary>Its columns without those that are newer than the masks.</summary>
    public IReadOnlyList<GroundColumn> Old(GroundRelation relation) => [.. relation.Columns.Where(c => !Newer.Contains(new GroundPlace(relation.Oid, c.Number)))];

    public MaskWith? Of(uint relation, short column) => masks.GetValueOrDefault(new GroundPlace(relation, column));

    public static MaskedSet Of(MaskGround ground, IReadOnlyList<MaskRule> rules)
    {
        var set = new MaskedSet(ground);
        set.Match(ground, rules);
        set.Spread(ground);
        set.covered.UnionWith(set.Covered.Select(p => p.Relation));
        set.Hide(ground, rules);
        return set;
    }

    private void Match(MaskGround ground, IReadOnlyList<MaskRule> rules)
    {
        foreach (var relation in ground.Relations.Where(r => r.IsTable))
        {
            foreach (var column in relation.Columns)
            {
                if (MaskPlan.RuleOf($"{relation.FullName}.{column.Name}", rules) is { } rule)
                {
                    masks[new GroundPlace(relation.Oid, column.Number)] = rule.With;
                }
            }
        }
        foreach (var (table, known) in Known)
        {
            foreach (var (column, mask) in known.Masks)
            {
                masks.TryAdd(new GroundPlace(table, column), mask);
            }
        }
    }

    private void Spread(MaskGround ground)
    {
        var links = ground.Links.Concat(Inherited(ground)).ToLookup(l => l.One, l => l.Other);
        var back = ground.Links.Concat(Inherited(ground)).ToLookup(l => l.Other, l => l.One);
        do
        {
            var done = new HashSet<GroundPlace>();
            foreach (var start in masks.Keys.ToList())
            {
                if (done.Contains(start))
                {
                    continue;
                }
                var same = Connected(start, links, back);
                done.UnionWith(same);
                var mask = Together(same.Where(masks.ContainsKey).Select(p => masks[p]));
                foreach (var place in same)
                {
                    masks[place] = mask;
                }
            }
        }
        while (Compute(ground));
    }

    /// <summary>Two ways together may show what neither does.</summary>
    public static MaskWith Together(IEnumerable<MaskWith> ways) => ways.Distinct().ToList() is [var way] ? way : MaskWith.Redact;

    private bool Compute(MaskGround ground)
    {
        var more = false;
        foreach (var (column, from) in ground.Generated)
        {
            if (!masks.ContainsKey(column) && Of(column.Relation, from) is { } mask)
            {
                masks[column] = mask.Kind == MaskKind.Null ? mask : MaskWith.Redact;
                more = true;
            }
        }
        return more;
    }

    /// <summary>Each column of a child with the one of its name of a parent.</summary>
    public static IEnumerable<(GroundPlace One, GroundPlace Other)> Inherited(MaskGround ground)
    {
        var relations = ground.Relations.ToDictionary(r => r.Oid);
        foreach (var (child, parent) in ground.Inherits)
        {
            if (relations.GetValueOrDefault(child) is { } below && relations.GetValueOrDefault(parent) is { } above)
            {
                foreach (var (column, of) in below.Columns.Join(above.Columns, c => c.Name, c => c.Name, (c, of) => (c, of)))
                {
                    yield return (new GroundPlace(child, column.Number), new GroundPlace(parent, of.Number));
                }
            }
        }
    }

    private static HashSet<GroundPlace> Connected(GroundPlace start, ILookup<GroundPlace, GroundPlace> links, ILookup<GroundPlace, GroundPlace> back)
    {
        var found = new HashSet<GroundPlace> { start };
        var next = new Queue<GroundPlace>(found);
        while (next.TryDequeue(out var place))
        {
            foreach (var other in links[place].Concat(back[place]))
            {
                if (found.Add(other))
                {
                    next.Enqueue(other);
                }
            }
        }
        return found;
    }

    private void Hide(MaskGround ground, IReadOnlyList<MaskRule> rules)
    {
        var names = ground.Relations.ToDictionary(r => r.Oid);
        var tables = MaskMemory.ByName(ground);
        foreach (var relation in ground.Relations)
        {
            if (relation.Kind == 'f')
            {
                hidden[relation.Oid] = "it is a foreign table: what it reaches is not in this database";
            }
            else if (relation.HasPolicies)
            {
                hidden[relation.Oid] = "its row-level security has policies for certain roles, and a just-in-time login is none of them";
            }
            else if (relation.Kind is 'v' or 'm' && relation.Columns.FirstOrDefault(c => MaskPlan.RuleOf($"{relation.FullName}.{c.Name}", rules) is not null) is { } column)
            {
                hidden[relation.Oid] = $"its column `{column.Name}` is masked, and it is no table";
            }
            else if (relation.Kind is 'v' or 'm' &&
                relation.Columns.FirstOrDefault(c => tables[(relation.Schema, relation.Name)].Any(t => !t.Columns.ContainsKey(c.Name) || t.Masks.ContainsKey(c.Name))) is { } unknown)
            {
                hidden[relation.Oid] = $"a table with masked columns had its name, and its column `{unknown.Name}` is none that was shown whole there";
            }
        }
        var readings = ground.Readings.Where(r => !r.IsRule && names.ContainsKey(r.Relation)).ToList();
        for (var before = -1; before != hidden.Count;)
        {
            before = hidden.Count;
            foreach (var reading in readings.Where(r => !hidden.ContainsKey(r.Relation)))
            {
                if (Why(reading, names) is { } why)
                {
                    hidden[reading.Relation] = why;
                }
            }
        }
    }

    private string? Why(GroundReading reading, Dictionary<uint, GroundRelation> names)
    {
        if (reading.Column < 0 && reading.From == 0)
        {
            return "it reads what the server keeps to itself: statistics, large objects or secrets";
        }
        if (reading.From == 0)
        {
            // a view's functions run with the rights of whoever asks; what a materialized view holds was computed with its owner's
            return names[reading.Relation].Kind == 'm' ? "it was computed by functions, and what they read is not known" : null;
        }
        var from = names.TryGetValue(reading.From, out var relation) ? relation.FullName : "a relation of the system or of an extension";
        var column = relation?.Columns.FirstOrDefault(c => c.Number == reading.Column)?.Name;
        return hidden.ContainsKey(reading.From) ? $"it reads `{from}`, which is hidden"
            : Of(reading.From, reading.Column) is not null ? $"it reads the masked column `{column}` of `{from}`"
            : Newer.Contains(new GroundPlace(reading.From, reading.Column)) ? $"it reads the column `{column}` of `{from}`, which is newer than the masks"
            : reading.WholeRows && covered.Contains(reading.From) ? $"it reads whole rows of `{from}`, which has columns that are hidden"
            : null;
    }
}
