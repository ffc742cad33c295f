using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// What people in a session with masks are told beyond what the server says: which columns are masked, where psql describes a relation, and why they are
/// refused. INVARIANT: an error keeps its code and the server's own words; nothing of the policy and no value is added.
/// </summary>
internal sealed class MaskHelp
{
    private const string Own = "this session has a database login of its own, because columns are hidden from it: it owns nothing, changes no schema, and has what its grant says and no more";

    /// <summary>How psql asks for the columns of what `\d` describes.</summary>
    private static ReadOnlySpan<byte> Describes => "FROM pg_catalog.pg_attribute a\nWHERE a.attrelid = '"u8;

    private readonly Dictionary<uint, byte[]> notices = [];
    private readonly Dictionary<string, string> rights;
    private readonly IReadOnlyList<MaskReason> reasons;
    private readonly IReadOnlyList<MaskReason> behind;

    private MaskHelp(MaskDesign design, IReadOnlyDictionary<string, string> names)
    {
        reasons = design.Reasons;
        behind = [.. design.Views.Select(v => MaskReason.Behind(v.Relation))];
        rights = design.GroupRights.Where(r => r.On is "table" or "sequence" && names.ContainsKey(r.Object)).GroupBy(r => names[r.Object])
            .ToDictionary(g => g.Key, g => string.Join(", ", g.Select(r => r.Privilege.ToLowerInvariant()).Distinct().Order(StringComparer.Ordinal)));
    }

    public static MaskHelp Of(MaskGround ground, MaskDesign design)
    {
        var names = ground.Relations.Where(r => design.Views.All(v => v.Relation.Oid != r.Oid)).Select(r => (r.Sql, r.FullName))
            .Concat(design.Views.Select(v => (v.Sql, v.Relation.FullName))).ToDictionary(n => n.Item1, n => n.Item2);
        var help = new MaskHelp(design, names);
        foreach (var view in design.Views)
        {
            var masks = view.Relation.Columns.Where(c => design.Masked.Of(view.Relation.Oid, c.Number) is not null)
                .Select(c => $"{c.Name}: {MaskWords.How(c, design.Masked.Of(view.Relation.Oid, c.Number)!)}").ToList();
            if (masks.Count > 0)
            {
                var notice = PgError.Notice($"columns of {view.Relation.FullName} are masked for you", string.Join('\n', masks));
                help.notices[view.Relation.Oid] = notice;
                if (ground.Made.Views.FirstOrDefault(v => v.Schema == view.Schema && v.Name == view.Name) is { } made)
                {
                    help.notices[made.Oid] = notice;
                }
            }
        }
        return help;
    }

    /// <summary>A NOTICE for who describes a relation with masked columns; null for everything else.</summary>
    public byte[]? NoticeOn(ReadOnlySpan<byte> sql)
    {
        var at = sql.IndexOf(Describes);
        return at >= 0 && System.Buffers.Text.Utf8Parser.TryParse(sql[(at + Describes.Length)..], out uint oid, out _) ? notices.GetValueOrDefault(oid) : null;
    }

    /// <summary>An error with the reason for it and what to do; null where there is nothing to add.</summary>
    /// <param name="error">An ErrorResponse's body.</param>
    public byte[]? Explain(PgText? text, ReadOnlySpan<byte> error)
    {
        var code = PgError.Field(error, 'C');
        var isOfView = code.SequenceEqual("42809"u8); // what only a table can do
        if ((!isOfView && !code.SequenceEqual("42501"u8)) || !PgError.IsWhole(error))
        {
            return null;
        }
        var message = Encoding.UTF8.GetString(PgError.Field(error, 'M'));
        var known = (isOfView ? Of(behind, text, message, r => IsNamed(r.Relation, message)).Take(1) : Reasons(text, message)).ToList();
        return known.Count > 0 ? PgError.With(error, string.Join('\n', known.Select(r => r.Why)), string.Join('\n', known.Select(r => r.Instead).Distinct()))
            : isOfView ? null
            : PgError.With(error, Own, MaskReason.AskUnmasked);
    }

    private List<MaskReason> Reasons(PgText? text, string message)
    {
        var found = Of(reasons, text, message, r => IsNamed(r.Relation, message) && IsAbout(text, r.On)).ToList();
        if (found.Count > 0)
        {
            return found;
        }
        if (text is not null && !text.Facts.Has("select") && !text.Facts.Has("explain") && rights.FirstOrDefault(r => IsNamed(r.Key, message)) is { Key: { } relation, Value: var may })
        {
            return [new MaskReason(relation, null, $"of `{relation}` this session's login may: {may}", "ask for an entitlement that allows more")];
        }
        if (text?.Facts.Functions.FirstOrDefault(f => IsNamed(f, message)) is { } function)
        {
            return [new MaskReason(function, null, $"`{function}` is not for sessions from which columns are hidden: they call what everybody may, and what runs with its caller's rights",
                MaskReason.AskUnmasked)];
        }
        return Of(behind, text, message, r => IsNamed(r.Relation, message));
    }

    /// <summary>An error names a relation without its schema: those that the text names come first.</summary>
    private static List<MaskReason> Of(IReadOnlyList<MaskReason> all, PgText? text, string message, Func<MaskReason, bool> fits)
    {
        var found = all.Where(fits).ToList();
        var named = found.Where(r => text is not null && text.Facts.Relations.Any(u => u.Name == r.Relation)).ToList();
        return named.Count > 0 ? named : found;
    }

    private static bool IsAbout(PgText? text, string? kind) =>
        kind is null || text is null || text.Facts.Kinds.Count == 0 || text.Facts.Has(kind) || text.Facts.Has("merge");

    /// <summary>In whatever language, a message ends with the name, or has it in quotes.</summary>
    private static bool IsNamed(string full, string message)
    {
        var name = full[(full.IndexOf('.', StringComparison.Ordinal) + 1)..];
        return message.EndsWith($" {name}", StringComparison.Ordinal) || message.Contains($"\"{name}\"", StringComparison.Ordinal);
    }
}
