using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What there has to be, less what there is: the statements between them, in the order in which they can run. Pure. Nothing is left to do twice.</summary>
/// <param name="ByAgent">Statements for the agent's own role.</param>
/// <param name="ByOwner">Those that follow, for the owner of masks.</param>
internal sealed record MaskChanges(IReadOnlyList<string> ByAgent, IReadOnlyList<string> ByOwner)
{
    public bool IsEmpty => ByAgent.Count == 0 && ByOwner.Count == 0;

    /// <summary>To be run in one transaction; null for nothing.</summary>
    public string Sql => IsEmpty ? "" : Text().ToString();

    public static MaskChanges Between(MaskGround ground, MaskDesign design)
    {
        var gone = Gone(ground.Made, design).ToList();
        var made = design.Views.Where(v => !ground.Made.Views.Any(w => Is(v, w))).ToList();
        var lost = gone.Select(v => MaskSql.Name(v.Schema, v.Name)).Concat(made.Select(v => v.Sql)).ToHashSet();
        var had = ground.Made.GroupRights.Where(r => !lost.Contains(r.Object)).ToList();
        var group = design.GroupRights.Except(had).OrderBy(r => r.IsOnMask).ToList();
        var extra = had.Except(design.GroupRights).ToList();
        return new MaskChanges(
            [
                .. Roles(ground, design),
                .. design.Remembered.Select(m => m.Schema).Distinct().Where(s => !ground.Made.Schemas.ContainsKey(s)).Select(s => $"create schema {MaskSql.Name(s)} authorization {MaskSql.Owner}"),
                .. design.OwnerRights.Except(ground.Made.OwnerRights).Select(r => r.Grant(MaskSql.Owner)),
                .. extra.Where(r => !r.IsOnMask).Select(r => r.Revoke(design.Name.Group)),
                .. group.Where(r => !r.IsOnMask).Select(r => r.Grant(design.Name.Group)),
            ],
            [
                .. gone.Select(v => $"drop view {MaskSql.Name(v.Schema, v.Name)} cascade"),
                .. made.Where(v => ground.Made.Views.Any(w => w.Schema == v.Schema && w.Name == v.Name) && !gone.Exists(g => g.Schema == v.Schema && g.Name == v.Name))
                    .Select(v => $"drop view {v.Sql} cascade"),
                .. made.SelectMany(v => new[] { v.Create, Record(v.Schema, v.Name, v.Record) }),
                .. design.Remembered.SelectMany(r => Remember(r, ground.Made.Memories.FirstOrDefault(m => m.Schema == r.Schema && m.Name == r.Name))),
                .. Forgotten(ground).Select(m => $"drop text search dictionary {MaskSql.Name(m.Schema, m.Name)}"),
                .. design.Views.SelectMany(v => Comments(v, made.Contains(v) ? null : ground.Made.Views.First(w => w.Schema == v.Schema && w.Name == v.Name))),
                .. extra.Where(r => r.IsOnMask).Select(r => r.Revoke(design.Name.Group)),
                .. group.Where(r => r.IsOnMask).Select(r => r.Grant(design.Name.Group)),
            ]);
    }

    /// <summary>What sets the design up where nothing is there yet: the same whatever is there.</summary>
    public static MaskChanges FromNothing(MaskGround ground, MaskDesign design) =>
        Between(ground with { Made = GroundMade.Nothing, Agent = ground.Agent with { HasOwner = false, MayBecomeOwner = false } }, design);

    /// <summary>Takes all of it away but the group itself.</summary>
    public static MaskChanges Away(GroundMade made, MaskName name) => new(
        [.. made.GroupRights.Where(r => !r.IsOnMask).Select(r => r.Revoke(name.Group))], [.. made.Schemas.Keys.Select(s => $"drop schema {MaskSql.Name(s)} cascade")]);

    /// <summary>On each view that was just made: what the server says that it is.</summary>
    public static IEnumerable<string> Seals(IReadOnlyList<GroundView> views) =>
        views.Where(v => v.Record is { Seal: null }).Select(v => Record(v.Schema, v.Name, v.Record! with { Seal = v.Definition }));

    /// <summary>As <see cref="Sql"/>, for the owner of masks alone.</summary>
    public static string AsOwner(IEnumerable<string> statements) => new MaskChanges([], [.. statements]).Sql;

    private StringBuilder Text()
    {
        var text = new StringBuilder("set local search_path = pg_catalog;\n");
        foreach (var statement in ByAgent)
        {
            text.Append(statement).Append(";\n");
        }
        if (ByOwner.Count > 0)
        {
            text.Append($"set local role {MaskSql.Owner};\n");
            foreach (var statement in ByOwner)
            {
                text.Append(statement).Append(";\n");
            }
            text.Append("set local role none;\n");
        }
        return text;
    }

    private static IEnumerable<string> Roles(MaskGround ground, MaskDesign design)
    {
        var agent = ground.Agent;
        if (!agent.HasOwner)
        {
            yield return $"create role {MaskSql.Owner} nologin";
        }
        if (!agent.MayBecomeOwner && !agent.IsSuperuser)
        {
            yield return $"grant {MaskSql.Owner} to {MaskSql.Name(agent.Role)}{(agent.Version >= 160000 ? " with inherit false, set true" : "")}";
        }
        if (!ground.Made.HasGroup)
        {
            yield return $"create role {MaskSql.Name(design.Name.Group)} nologin";
        }
    }

    /// <summary>Views of relations that are no more, or are called otherwise now. One that is only not given any more stays: it knows which columns are old.</summary>
    private static IEnumerable<GroundView> Gone(GroundMade made, MaskDesign design) => made.Views.Where(v =>
        v.Record is not null && !design.Views.Any(d => d.Schema == v.Schema && d.Name == v.Name) &&
        (design.Views.Any(d => d.Relation.Oid == v.Record.Relation) || !design.Known.Contains(v.Record.Relation)));

    private static bool Is(MaskView view, GroundView there) =>
        there.Schema == view.Schema && there.Name == view.Name && there.Owner == MaskSql.Owner && there.Options == "security_barrier=true" &&
        there.Record is { Seal: { } seal } record && seal == there.Definition && record.Sql == view.Record.Sql && record.Relation == view.Record.Relation;

    /// <summary>On the rule that makes it a view: what is said on the view itself is for people.</summary>
    private static string Record(string schema, string name, MaskRecord record) =>
        $"comment on rule \"_RETURN\" on {MaskSql.Name(schema, name)} is {MaskSql.Text(JsonSerializer.Serialize(record, Json.Options))}";

    /// <param name="there">Null where nothing is remembered yet.</param>
    private static IEnumerable<string> Remember(MaskRemembered known, GroundMemory? there)
    {
        var dictionary = MaskSql.Name(known.Schema, known.Name);
        if (there is null)
        {
            yield return $"create text search dictionary {dictionary} (template = pg_catalog.simple)";
        }
        if (known.Memory.Comment() is var comment && there?.Memory?.Comment() != comment)
        {
            yield return $"comment on text search dictionary {dictionary} is {MaskSql.Text(comment)}";
        }
    }

    /// <summary>Of those whose names no relation has, all but the latest: partitions come and go for ever.</summary>
    private static IEnumerable<GroundMemory> Forgotten(MaskGround ground)
    {
        var names = ground.Relations.Select(r => (r.Schema, r.Name)).ToHashSet();
        return ground.Made.Memories.Where(m => m.Memory is { } memory && !names.Contains((memory.Schema, memory.Name)))
            .OrderByDescending(m => m.Memory!.Relation).Skip(MaskMemory.MostGone);
    }

    /// <param name="there">Null where it has just been made.</param>
    private static IEnumerable<string> Comments(MaskView view, GroundView? there)
    {
        foreach (var (column, comment) in view.Comments.Where(c => there?.Comments.GetValueOrDefault(c.Key) != c.Value))
        {
            yield return Comment(view, column, MaskSql.Text(comment));
        }
        foreach (var column in there?.Comments.Keys.Except(view.Comments.Keys) ?? [])
        {
            yield return Comment(view, column, "null");
        }
    }

    private static string Comment(MaskView view, string column, string text) => column == MaskWords.Whole
        ? $"comment on view {view.Sql} is {text}"
        : $"comment on column {view.Sql}.{MaskSql.Name(column)} is {text}";
}
