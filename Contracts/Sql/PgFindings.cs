namespace AccessPlane.Contracts.Sql;

/// <summary>What has been found of a text so far, and what it leads to: functions, relations and blocks that have texts of their own.</summary>
internal sealed class PgFindings
{
    /// <summary>Nobody writes statements that name more; what names more is not understood.</summary>
    public const int MostNames = 16 * 1024;

    /// <summary>Steps of looking names up, over one text: so that no text takes more than a fraction of a second, however its names are nested.</summary>
    public const int MostSteps = 4_000_000;

    /// <summary>The same where others wait on the thread: a millisecond or so.</summary>
    public const int FewSteps = 20_000;

    private int steps;
    private string? calledUnknown;

    /// <summary>The search path that the session is pinned to, as it is set.</summary>
    public string? PathSetting { get; init; }

    public int Most { get; init; } = MostSteps;

    /// <summary>With other numbers in the text, other things might have been found.</summary>
    public bool NumbersMatter { get; set; }

    /// <summary>More than that had to be looked at.</summary>
    public bool IsTooMuch => steps > Most;

    /// <summary>What runs after it may mean something else by its names.</summary>
    public bool ChangesSchema { get; set; }

    /// <summary>That something else may be other code, or rows of other relations.</summary>
    public bool Redefines { get; set; }

    /// <summary>How often rows are changed by a statement.</summary>
    public int Writes { get; set; }

    public Distinct<string> Kinds { get; } = new();
    public List<NameUse> Names { get; } = [];
    public OrderedDictionary<string, RelationAccess> Relations { get; } = new(StringComparer.Ordinal);
    public Distinct<ColumnUse> Columns { get; } = new();
    public Distinct<string> Functions { get; } = new();

    public Distinct<uint> Calls { get; } = new();
    public Distinct<(string Relation, PgEvents Events)> Touched { get; } = new();
    public List<(string Language, string Body)> Blocks { get; } = [];

    public string? Unknown { get; private set; }
    public string? Refused { get; private set; }
    public string? Opaque { get; private set; }
    public string? Uncounted { get; private set; }

    /// <summary>Set when all has been followed.</summary>
    public bool OnlyBuiltIn { get; set; }
    public string Objects { get; set; } = "";
    public bool AsksForWrites { get; set; }
    public bool Unbounded { get; set; }

    /// <summary>Of the text itself, not of what it leads to.</summary>
    public IReadOnlyList<QualifiedName>? Qualified { get; set; }

    public bool IsOver => Unknown is not null;

    public void DoNotUnderstand(string why) => Unknown ??= why;
    public void Refuse(string? why) => Refused ??= why;
    public void Hide(string? why) => Opaque ??= why;
    public void Uncount(string? why) => Uncounted ??= why;

    /// <summary>A function that the catalog has no name of.</summary>
    public void CallUnknown(string name) => calledUnknown ??= $"the function `{name}` is not known here";

    /// <returns>False when there have been too many.</returns>
    public bool Step(int count = 1)
    {
        steps += count;
        if (steps > Most || Columns.Count > MostNames || Relations.Count > MostNames || Functions.Count > MostNames)
        {
            DoNotUnderstand("it names too much at once: send it in parts");
        }
        return !IsOver;
    }

    public void Use(string relation, RelationAccess access) => Relations[relation] = Relations.GetValueOrDefault(relation) | access;

    public void Use(string column, PgPlaces places)
    {
        for (var place = ColumnPlace.Output; place <= ColumnPlace.Assigned; place++)
        {
            if ((places & (PgPlaces)(1 << (int)place)) != 0)
            {
                Columns.Add(new ColumnUse(column, place));
            }
        }
    }

    /// <summary>Another text's findings: it runs when this one does.</summary>
    public void Add(PgFindings other)
    {
        foreach (var kind in other.Kinds)
        {
            Kinds.Add(kind);
        }
        foreach (var (relation, access) in other.Relations)
        {
            Use(relation, access);
        }
        foreach (var column in other.Columns)
        {
            Columns.Add(column);
        }
        foreach (var function in other.Functions)
        {
            Functions.Add(function);
        }
        foreach (var call in other.Calls)
        {
            Calls.Add(call);
        }
        foreach (var relation in other.Touched)
        {
            Touched.Add(relation);
        }
        Unknown ??= other.Unknown;
        Refuse(other.Refused);
        Hide(other.Opaque ?? (other.Blocks.Count + other.Names.Count > 0 ? "a body uses names or blocks of its own" : null));
        calledUnknown ??= other.calledUnknown;
        Uncount(other.Uncounted);
        AsksForWrites |= other.AsksForWrites;
        Unbounded |= other.Unbounded;
        ChangesSchema |= other.ChangesSchema;
        Redefines |= other.Redefines;
        Writes += other.Writes;
    }

    public StatementFacts Facts(int statements)
    {
        if (statements == 0)
        {
            Kinds.Add("empty");
        }
        return new StatementFacts([.. Kinds], statements, Unknown, Refused, AsksForWrites, Names.Count == 0 ? null : Names)
        {
            Relations = [.. Relations.Select(r => new RelationUse(r.Key, r.Value))],
            Columns = [.. Columns],
            Functions = [.. Functions],
            Unbounded = Unbounded,
            Opaque = Opaque ?? calledUnknown,
            CallsUnknown = Opaque is null && calledUnknown is not null,
            ChangesSchema = ChangesSchema,
            Redefines = Redefines,
            Uncounted = Uncounted ?? (Writes > 1 ? "it changes rows in more than one place" : null),
            OnlyBuiltIn = OnlyBuiltIn && Opaque is null && calledUnknown is null,
            Objects = Objects,
            Qualified = Qualified,
        };
    }
}

/// <summary>Things in the order they came, each once.</summary>
internal sealed class Distinct<T> : IEnumerable<T>
{
    private readonly HashSet<T> seen = [];
    private readonly List<T> inOrder = [];

    public int Count => inOrder.Count;

    public T this[int index] => inOrder[index];

    public bool Contains(T item) => seen.Contains(item);

    public bool Add(T item)
    {
        if (!seen.Add(item))
        {
            return false;
        }
        inOrder.Add(item);
        return true;
    }

    public void Remove(T item)
    {
        if (seen.Remove(item))
        {
            inOrder.Remove(item);
        }
    }

    public IEnumerator<T> GetEnumerator() => inOrder.GetEnumerator();

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => inOrder.GetEnumerator();
}

/// <summary><see cref="ColumnPlace"/> as a set.</summary>
[Flags]
internal enum PgPlaces { None = 0, Output = 1, Predicate = 2, Ordering = 4, Grouping = 8, Expression = 16, Assigned = 32 }
