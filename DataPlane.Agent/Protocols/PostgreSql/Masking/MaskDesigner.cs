using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Ground, rules and terms → what there has to be. Pure. Relations with masked columns are given as views and never themselves; everything else that the
/// terms' roles may use is given as it is, as far as the agent's role can; what shows masked values in another form is given to nobody.
/// </summary>
internal sealed class MaskDesigner
{
    private const string Carried = "foreign keys carry them on to masked rows, and a trigger there would see these whole";

    private readonly MaskGround ground;
    private readonly MaskName name;
    private readonly MaskedSet masked;
    private readonly TableRights most;
    private readonly Dictionary<string, GroundSchema> schemas;
    private readonly HashSet<uint> overMasks;
    private readonly List<MaskView> views = [];
    private readonly HashSet<MaskRight> group = [];
    private readonly HashSet<MaskRight> owner = [];
    private readonly List<MaskingFinding> findings = [];
    private readonly List<MaskReason> reasons = [];
    private int wanted;
    private int given;

    private MaskDesigner(MaskGround ground, MaskName name, IReadOnlyList<MaskRule> rules, LoginTerms? terms)
    {
        (this.ground, this.name) = (ground, name);
        masked = MaskedSet.Of(ground, rules);
        schemas = ground.Schemas.ToDictionary(s => s.Name);
        var all = LoginTerms.PrivilegesOf(terms, Scope.Any);
        most = new[] { ("select", TableRights.Select), ("insert", TableRights.Insert), ("update", TableRights.Update), ("delete", TableRights.Delete) }
            .Where(p => all.Contains(p.Item1)).Aggregate(TableRights.None, (sum, p) => sum | p.Item2);
        overMasks = OverMasks();
    }

    /// <param name="rules">Those that apply to the person; detectors among them change nothing here.</param>
    /// <param name="terms">Null bounds nothing.</param>
    public static MaskDesign Design(MaskGround ground, MaskName name, IReadOnlyList<MaskRule> rules, LoginTerms? terms) =>
        new MaskDesigner(ground, name, [.. rules.Where(r => r.Columns.Count > 0)], terms).Make();

    private MaskDesign Make()
    {
        foreach (var relation in ground.Relations)
        {
            Give(relation);
        }
        foreach (var routine in ground.Routines.Where(r => IsOpen(r.Schema) is null))
        {
            if (routine.IsGrantable)
            {
                group.Add(new MaskRight("routine", routine.Signature, null, "EXECUTE"));
                Open(routine.Schema);
            }
            else
            {
                NotGiven($"execute on routine {routine.Signature}", routine.Signature);
            }
        }
        if (!ground.Agent.PublicConnects)
        {
            group.Add(new MaskRight("database", MaskSql.Name(ground.Agent.Database), null, "CONNECT"));
        }
        foreach (var mask in views.Select(v => v.Schema).Distinct())
        {
            group.Add(new MaskRight("schema", MaskSql.Name(mask), null, "USAGE"));
        }
        var pairs = views.GroupBy(v => v.Relation.Schema).Select(g => (g.Key, g.First().Schema)).ToList();
        return new MaskDesign(name, pairs, views, [.. group], [.. owner], masked, findings, ground.Relations.Select(r => r.Oid).ToHashSet(),
            MaskPowers.WhyNot(ground, name, pairs, wanted > 0 && given == 0))
        {
            Reasons = [.. reasons.Distinct()],
            Remembered = MaskRemembered.Of(ground, name, masked, views),
        };
    }

    private void Give(GroundRelation relation)
    {
        var may = relation.Kind == 'S' ? OfSequence(relation.Held) : relation.Held & most;
        var anyColumn = relation.Columns.Any(c => (c.Held & most) != 0);
        if ((may == 0 && !anyColumn) || schemas.GetValueOrDefault(relation.Schema) is not { IsHeld: true })
        {
            return; // the terms' roles could not use it either
        }
        if (masked.Hidden.TryGetValue(relation.Oid, out var why))
        {
            findings.Add(new MaskingFinding("hidden relation", relation.Sql, $"nothing: masked sessions do without it, because {why}", "nothing has to be done", false));
            reasons.Add(MaskReason.Hidden(relation, why));
            return;
        }
        wanted++;
        if (IsOpen(relation.Schema) is { } closed)
        {
            NotGiven(closed, relation.Sql);
            reasons.Add(MaskReason.NotGiven(relation, null));
        }
        else if (masked.Relations.Contains(relation.Oid) || masked.Known.ContainsKey(relation.Oid))
        {
            Mask(relation, may);
        }
        else
        {
            GiveAsItIs(relation, may);
        }
    }

    /// <summary>Reading what the counter says is reading; counting on is writing.</summary>
    private TableRights OfSequence(TableRights held) =>
        held & ((most & TableRights.Select) | (most & TableRights.Update) | ((most & (TableRights.Insert | TableRights.Update)) != 0 ? TableRights.Usage : 0));

    private void GiveAsItIs(GroundRelation relation, TableRights may)
    {
        var columns = overMasks.Contains(relation.Oid) ? TableRights.Select : TableRights.Select | TableRights.Insert | TableRights.Update;
        if (overMasks.Contains(relation.Oid) && (may & ~TableRights.Select) != 0)
        {
            Withheld(relation, null, "they would be carried on to a relation with masked columns");
            may &= TableRights.Select;
        }
        foreach (var right in Each(may & (TableRights.Update | TableRights.Delete)).Where(r => MaskWrites.ReachesTriggersOverMasks(ground, masked, relation.Oid, r)))
        {
            Withheld(relation, right, Carried);
            (may, columns) = (may & ~right, columns & ~right);
        }
        var kind = relation.Kind == 'S' ? "sequence" : "table";
        var rights = Each(may).Select(r => (Right: new MaskRight(kind, relation.Sql, null, Word(r)), Of: r))
            .Concat(relation.Columns.SelectMany(c => Each(c.Held & most & columns & ~may).Select(r => (Right: new MaskRight("table", relation.Sql, MaskSql.Name(c.Name), Word(r)), Of: r))))
            .ToList();
        foreach (var (right, _) in rights.Where(r => relation.Grantable.HasFlag(r.Of)))
        {
            group.Add(right);
        }
        Done(relation, rights.Where(r => !relation.Grantable.HasFlag(r.Of)).Select(r => r.Of).Distinct().ToList(), rights.Exists(r => relation.Grantable.HasFlag(r.Of)));
    }

    private void Mask(GroundRelation relation, TableRights may)
    {
        var columns = Visible(relation);
        var unseen = relation.Columns.Except(columns).Select(c => c.Name).ToList();
        if (!relation.Grantable.HasFlag(TableRights.Select))
        {
            Done(relation, [TableRights.Select], false);
            return;
        }
        if (columns.Count == 0)
        {
            reasons.Add(MaskReason.Hidden(relation, "all of its columns are newer than the masks"));
            given++; // nothing is missing of the agent's role
            return;
        }
        var schema = name.Schema(relation.Schema);
        var create = MaskViewSql.Create(schema, relation, columns, masked);
        views.Add(new MaskView(schema, relation.Name, relation, create, new MaskRecord(relation.Oid, MaskName.Digest(create, 32),
            [.. columns.Select(c => new MaskedColumn(c.Number, c.Name, masked.Of(relation.Oid, c.Number)))]))
        {
            Comments = MaskWords.On(relation, columns, unseen, masked),
        });
        owner.Add(new MaskRight("table", relation.Sql, null, "SELECT"));
        if (!schemas[relation.Schema].IsPublic)
        {
            owner.Add(new MaskRight("schema", MaskSql.Name(relation.Schema), null, "USAGE"));
        }
        Open(relation.Schema);
        var view = MaskSql.Name(schema, relation.Name);
        foreach (var right in Each(may & (TableRights.Select | TableRights.Delete)).Where(r => r != TableRights.Delete || MayDelete(relation)))
        {
            group.Add(new MaskRight("table", view, null, Word(right)));
            owner.Add(new MaskRight("table", relation.Sql, null, Word(right)));
        }
        var alone = MaskWrites.Tangled(ground, masked, relation);
        foreach (var (column, right) in columns.SelectMany(c => Each((c.Held | may) & most & (TableRights.Select | TableRights.Insert | TableRights.Update)).Select(r => (c, r))))
        {
            var isRead = right == TableRights.Select;
            if (isRead ? !may.HasFlag(TableRights.Select) : masked.Of(relation.Oid, column.Number) is null && !alone.Contains(column.Number) && MayWrite(relation, right))
            {
                group.Add(new MaskRight("table", view, MaskSql.Name(column.Name), Word(right)));
                owner.Add(new MaskRight("table", relation.Sql, null, Word(right)));
            }
        }
        foreach (var right in Each(may & (TableRights.Insert | TableRights.Update)).Where(_ => alone.Any(n => masked.Of(relation.Oid, n) is null)))
        {
            reasons.Add(MaskReason.Tangled(relation, columns.Where(c => alone.Contains(c.Number) && masked.Of(relation.Oid, c.Number) is null).Select(c => c.Name), Kind(right)));
        }
        Done(relation, [], true);
    }

    /// <summary>All but what is newer than the masks.</summary>
    private IReadOnlyList<GroundColumn> Visible(GroundRelation relation)
    {
        var old = masked.Old(relation);
        foreach (var column in relation.Columns.Except(old))
        {
            findings.Add(new MaskingFinding("hidden column", $"{relation.Sql}.{MaskSql.Name(column.Name)}", "nothing: it is newer than the masks, and masked sessions do not see it",
                "publish masks that say what it is: whatever differs in the resource's masks makes new views", false));
        }
        return old;
    }

    private bool MayDelete(GroundRelation relation) =>
        MayWrite(relation, TableRights.Delete) && Judged(relation, TableRights.Delete, MaskWrites.IsReferredTo(ground, masked, relation) ? "whether they succeed would tell which masked values are referred to" : null);

    private bool MayWrite(GroundRelation relation, TableRights right) => IsGrantable(relation, right) && Judged(relation, right,
        relation.HasRules ? "a rule makes something else of them"
        : MaskWrites.ReachesTriggersOverMasks(ground, masked, relation.Oid, right) ? Carried
        : right != TableRights.Insert && relation.Triggers.HasFlag(right) ? $"a trigger would see whole rows, and could show them (once a person has looked at its function: comment on function … is '{MaskSql.Reviewed}')"
        : null);

    private bool IsGrantable(GroundRelation relation, TableRights right)
    {
        if (!relation.Grantable.HasFlag(right))
        {
            NotGiven($"{Kind(right)} on table {relation.Sql}", relation.Sql);
            reasons.Add(MaskReason.NotGiven(relation, Kind(right)));
            return false;
        }
        return true;
    }

    private bool Judged(GroundRelation relation, TableRights right, string? why)
    {
        if (why is not null)
        {
            Withheld(relation, right, why);
        }
        return why is null;
    }

    /// <param name="right">Null for every write.</param>
    private void Withheld(GroundRelation relation, TableRights? right, string why)
    {
        var what = right is { } one ? $"{Kind(one)}s" : "writes";
        Find(new MaskingFinding("withheld", relation.Sql, $"nothing: {what} are withheld, because {why}", "nothing has to be done", false));
        reasons.Add(MaskReason.Withheld(relation, right is { } on ? Kind(on) : null, what, why));
    }

    private void Find(MaskingFinding finding)
    {
        if (!findings.Contains(finding))
        {
            findings.Add(finding);
        }
    }

    /// <summary>Null where the group can be let in.</summary>
    private string? IsOpen(string schema) => schemas.GetValueOrDefault(schema) switch
    {
        { IsHeld: true } s when s.IsPublic || s.IsGrantable => null,
        _ => $"usage on schema {MaskSql.Name(schema)}",
    };

    private void Open(string schema)
    {
        if (!schemas[schema].IsPublic)
        {
            group.Add(new MaskRight("schema", MaskSql.Name(schema), null, "USAGE"));
        }
    }

    private void Done(GroundRelation relation, List<TableRights> missing, bool any)
    {
        if (missing.Count > 0)
        {
            NotGiven($"{string.Join(", ", missing.Select(Kind))} on {(relation.Kind == 'S' ? "sequence" : "table")} {relation.Sql}", relation.Sql);
            reasons.AddRange(missing.Select(r => MaskReason.NotGiven(relation, Kind(r))));
        }
        if (any)
        {
            given++;
            Open(relation.Schema);
        }
    }

    private void NotGiven(string what, string through) => Find(new MaskingFinding(
        "not granted", through, $"nothing: the agent's role may not pass on {what}", $"grant {what} to {MaskSql.Name(ground.Agent.Role)} with grant option", false));

    /// <summary>Relations without masks of their own through which rows of masked ones are written: views over them, parents of them, what rules carry on.</summary>
    private HashSet<uint> OverMasks()
    {
        var over = new HashSet<uint>(masked.Relations.Concat(masked.Hidden.Keys).Concat(masked.Known.Keys));
        for (var before = -1; before != over.Count;)
        {
            before = over.Count;
            over.UnionWith(ground.Readings.Where(r => over.Contains(r.From)).Select(r => r.Relation));
            over.UnionWith(ground.Inherits.Where(i => over.Contains(i.Child)).Select(i => i.Parent));
        }
        return over;
    }

    private static IEnumerable<TableRights> Each(TableRights rights) => Enum.GetValues<TableRights>().Where(r => r != TableRights.None && rights.HasFlag(r));

    private static string Word(TableRights right) => right.ToString().ToUpperInvariant();

    private static string Kind(TableRights right) => right.ToString().ToLowerInvariant();
}
