using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>The parser's tree of a text as JSON; null where it cannot be read.</summary>
public delegate ReadOnlyMemory<byte>? PgTreeOf(string text);

/// <summary>
/// Follows values through a text: which base columns each column of the result depends on, and what else shows something of a column's value. Sound
/// before precise: what is not followed here makes the lineage unproven. Views are read through by the same rules.
/// </summary>
public sealed partial class PgLineage
{
    /// <summary>Queries in queries, views in views; deeper is not followed.</summary>
    private const int Deepest = 60;

    private readonly PgCatalog catalog;
    private readonly PgBasis basis;
    private readonly PgTreeOf treeOf;
    private readonly HashSet<string> touched = new(StringComparer.Ordinal);
    private readonly HashSet<string> read = new(StringComparer.Ordinal);
    private readonly HashSet<string> inferred = new(StringComparer.Ordinal);
    private readonly HashSet<string> stored = new(StringComparer.Ordinal);
    private readonly HashSet<string> unresolved = new(StringComparer.Ordinal);
    private readonly HashSet<string> shown = new(StringComparer.Ordinal);
    private readonly List<PgFunction> made = [];
    private string? unproven;
    private string? indirect;
    private string? elsewhere;
    private string? code;
    private bool printsDefinitions;
    private string text = "";
    private int depth;

    private PgLineage(PgCatalog catalog, PgTreeOf treeOf, int depth)
    {
        this.catalog = catalog;
        this.treeOf = treeOf;
        this.depth = depth;
        basis = PgBasis.Of(catalog);
    }

    /// <param name="json">The tree of a text without syntax errors.</param>
    /// <param name="catalog">What its names mean.</param>
    /// <param name="text">What the tree is of.</param>
    /// <param name="treeOf">Reads the definitions of views.</param>
    /// <param name="outputs">The columns of the one statement's rows; null where nothing is proven of them.</param>
    /// <param name="made">What it makes, or lets run where it did not: what they would do, is for the caller to read.</param>
    /// <param name="numbersMatter">With other numbers in the text, it might be another lineage.</param>
    internal static Lineage Read(
        ReadOnlyMemory<byte> json, ReadOnlySpan<byte> text, PgCatalog catalog, PgTreeOf treeOf, out IReadOnlyList<OutputColumn>? outputs,
        out IReadOnlyList<PgFunction> made, out bool numbersMatter)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(treeOf);
        using var tree = new PgJson(json);
        var reader = new PgLineage(catalog, treeOf, 0);
        var (statements, rows) = (0, PgRows.Empty);
        foreach (var statement in tree.Root["stmts"u8].Below)
        {
            statements++;
            reader.text = Part(text, statement);
            rows = reader.Statement(statement["stmt"u8]);
            reader.shown.UnionWith(rows.All);
        }
        if (statements > 1 && reader.unresolved.Any(n => n.EndsWith(')')))
        {
            reader.Fail("a function of it is not known here, and could be by the time that it is reached: send one statement at a time");
        }
        outputs = statements > 1 || reader.unproven is not null
            ? null
            : rows.Columns?.Select(c => new OutputColumn(c.Name ?? "?column?", [.. c.Sources], c.Verbatim)).ToList();
        made = reader.made;
        numbersMatter = tree.NumbersRead;
        return reader.Result();
    }

    /// <summary>One statement's part of a text of several.</summary>
    private static string Part(ReadOnlySpan<byte> text, PgNode statement)
    {
        if (text.IsEmpty)
        {
            return "";
        }
        var (at, length) = (statement["stmt_location"u8].Number, statement["stmt_len"u8].Number);
        return at < 0 || at > text.Length || length < 0 || length > text.Length - at ? "" : Encoding.UTF8.GetString(length == 0 ? text[at..] : text.Slice(at, length));
    }

    private Lineage Result() => new([.. touched], [.. read], [.. inferred], [.. stored], [.. unresolved])
    {
        Unproven = unproven ?? (read.Contains(PgTrusted.Key) ? "it depends on how other databases are reached" : null),
        Indirect = indirect,
        Elsewhere = elsewhere,
        Shown = [.. shown],
        Tied = [.. tied],
        Code = code,
    };

    private PgRows Fail(string why)
    {
        unproven ??= why;
        return new PgRows(null, PgValue.None);
    }

    /// <summary>Something runs that only the facts can speak of.</summary>
    private void Runs(string? what) => code ??= what;

    private void Uses(ImmutableHashSet<string> sources) => read.UnionWith(sources);

    private void Infers(ImmutableHashSet<string> sources)
    {
        read.UnionWith(sources);
        inferred.UnionWith(sources);
    }

    private void Stores(ImmutableHashSet<string> sources)
    {
        read.UnionWith(sources);
        stored.UnionWith(sources);
    }

    /// <summary>The one node that a wrapper holds.</summary>
    private static PgNode Only(PgNode wrapper)
    {
        foreach (var child in wrapper.Below)
        {
            return child;
        }
        return default;
    }

    private static string NameOf(PgNode node) => Encoding.ASCII.GetString(node.Name);

    private static List<string> Strings(PgNode list)
    {
        var all = new List<string>();
        foreach (var item in list.Below)
        {
            if (item["String"u8]["sval"u8].Text is { } text)
            {
                all.Add(text);
            }
        }
        return all;
    }

    private static List<PgNode> Items(PgNode list)
    {
        var all = new List<PgNode>();
        foreach (var item in list.Below)
        {
            all.Add(item);
        }
        return all;
    }

    /// <summary>A relation as it is written, with all that using it uses.</summary>
    private PgItem Relation(PgNode range, PgLevel scope, bool written = false)
    {
        var (schema, name) = (range["schemaname"u8].Text, range["relname"u8].Text ?? "");
        var alias = range["alias"u8]["aliasname"u8].Text ?? name;
        var names = Strings(range["alias"u8]["colnames"u8]);
        if (schema is null && !written && scope.HasCte(name, out var cte))
        {
            return new PgItem(alias, (cte ?? Fail($"`{name}` is used before it is defined")).Named(names));
        }
        if (catalog.Relation(schema, name) is { } relation)
        {
            return PgTrusted.IsSystem(relation.Schema) || relation.Schema == "pg_toast"
                ? SystemRelation(relation.Schema, relation.Name, relation.Columns, alias, names)
                : new PgItem(alias, Base(relation, written).Named(names), relation.FullName);
        }
        if (schema is not null ? PgTrusted.IsSystem(schema) : name.StartsWith("pg_", StringComparison.Ordinal))
        {
            return SystemRelation(schema ?? "pg_catalog", name, null, alias, names);
        }
        unresolved.Add(schema is null ? name : $"{schema}.{name}");
        return new PgItem(alias, new PgRows(null, PgValue.None));
    }

    private PgItem SystemRelation(string schema, string name, IReadOnlyList<PgColumn>? columns, string alias, List<string> names)
    {
        if (schema == "pg_toast" || PgTrusted.IsDenied(name))
        {
            Fail($"`{name}` shows what is in other relations");
        }
        var rows = columns is null
            ? new PgRows(null, PgValue.None.Add(Lineage.Definition))
            : PgRows.Of([.. columns.Select(c => PgTrusted.SystemColumn(c.Name))]);
        return new PgItem(alias, rows.Named(names));
    }

    private PgRows Base(PgRelation relation, bool written)
    {
        if (relation.Opaque is { } why)
        {
            Fail($"`{relation.FullName}` may do more than its name says: {why}");
        }
        printsDefinitions |= written || relation.HasPolicies || relation.Kind == 'v';
        foreach (var effect in relation.Effects)
        {
            if ((written || (effect.On & PgEvents.Select) != 0) && effect.On != PgEvents.Cascade && (effect.Why is not null || !basis.OnlyComputes(effect.Function)))
            {
                Runs($"using `{relation.FullName}` runs code of its own");
            }
        }
        foreach (var one in basis.WithChildren(relation))
        {
            foreach (var column in one.Columns)
            {
                touched.UnionWith(basis.SourcesOf(one, column));
            }
        }
        var own = PgRows.Of([.. relation.Columns.Select(c => new PgValue(c.Name, basis.SourcesOf(relation, c), true))]);
        return relation.Kind switch
        {
            'v' when relation.Definition is { } definition => View(relation, definition, own),
            'v' or 'm' when relation.Columns.Any(c => c.Source.Count == 0) => relation.Definition is { } definition
                ? View(relation, definition, own)
                : Fail($"what `{relation.FullName}` shows cannot be followed"),
            'v' or 'm' => own with { Columns = [.. own.Columns!.Select(c => c with { Verbatim = false })] },
            _ => own,
        };
    }

    /// <summary>A view is its query: what that does happens here.</summary>
    private PgRows View(PgRelation relation, string definition, PgRows own)
    {
        if (!basis.Views.TryGetValue(relation.FullName, out var view))
        {
            view = ReadView(relation, definition, out var isRead);
            if (isRead)
            {
                basis.Views.TryAdd(relation.FullName, view);
            }
        }
        var its = view.Lineage;
        touched.UnionWith(its.Touched);
        read.UnionWith(its.Read);
        inferred.UnionWith(its.Inferred);
        unresolved.UnionWith(its.Unresolved);
        Runs(its.Code);
        if (its.Unproven is { } why)
        {
            return Fail(why);
        }
        if (view.Rows.Columns is not { } columns || columns.Count != own.Columns!.Count)
        {
            return Fail($"what `{relation.FullName}` shows cannot be followed");
        }
        return PgRows.Of([.. own.Columns.Select((c, i) => new PgValue(c.Name, c.Sources.Union(columns[i].Sources), columns[i].Verbatim))]);
    }

    /// <param name="isRead">False where its text could not be read here and now: elsewhere it may be.</param>
    private PgView ReadView(PgRelation relation, string definition, out bool isRead)
    {
        var (inner, rows) = (new PgLineage(catalog, treeOf, depth + 1), PgRows.Empty);
        isRead = false;
        if (depth >= Deepest || treeOf(definition) is not { } json)
        {
            rows = inner.Fail($"the definition of `{relation.FullName}` cannot be read");
        }
        else
        {
            isRead = true;
            using var tree = new PgJson(json);
            foreach (var statement in tree.Root["stmts"u8].Below)
            {
                rows = statement["stmt"u8]["SelectStmt"u8] is { Exists: true } select
                    ? inner.Query(select, null)
                    : inner.Fail($"the definition of `{relation.FullName}` cannot be read");
            }
        }
        return new PgView(rows, inner.Result());
    }

    private bool Enter()
    {
        if (++depth <= Deepest && RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            return true;
        }
        Fail($"it nests more than {Deepest} queries");
        return false;
    }
}
