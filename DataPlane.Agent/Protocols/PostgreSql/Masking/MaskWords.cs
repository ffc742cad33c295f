using System.Globalization;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>How masks are told to people who look at a view: in its comment and its columns', before what the table's own say.</summary>
internal static class MaskWords
{
    /// <summary>The comment on the view itself, among those on its columns.</summary>
    public const string Whole = "";

    /// <summary>Of the comments that are taken over: the SQL that an admin reads has them in it.</summary>
    private const int Longest = 1000;

    /// <summary>What is to be written on a view, by column; nothing where there is nothing to say.</summary>
    /// <param name="hidden">Columns that are not in the view.</param>
    public static IReadOnlyDictionary<string, string> On(GroundRelation relation, IReadOnlyList<GroundColumn> columns, IReadOnlyList<string> hidden, MaskedSet masked)
    {
        var masks = columns.Where(c => masked.Of(relation.Oid, c.Number) is not null).Select(c => c.Name).ToList();
        var all = new Dictionary<string, string>
        {
            [Whole] = $"{Cut(relation.Comment) ?? relation.FullName} ({(masks.Count == 0 ? "nothing is masked" : $"masked: {string.Join(", ", masks)}")}" +
                $"{(hidden.Count == 0 ? "" : $"; not shown: {string.Join(", ", hidden)}")})",
        };
        foreach (var column in columns)
        {
            var how = masked.Of(relation.Oid, column.Number) is { } with ? $"masked: {How(column, with)}" : null;
            if (how is not null || column.Comment is not null)
            {
                all[column.Name] = how is null ? Cut(column.Comment)! : column.Comment is null ? how : $"{how}. {Cut(column.Comment)}";
            }
        }
        return all;
    }

    /// <summary>What of a column's values can be seen: by the expression, for not every type can hold every mask.</summary>
    public static string How(GroundColumn column, MaskWith with)
    {
        var expression = MaskExpression.Of(column, with).TrimStart('(');
        return expression.StartsWith("null::", StringComparison.Ordinal) ? "it shows as null"
            : !expression.StartsWith("case ", StringComparison.Ordinal) ? "nothing of it is shown"
            : with.Kind switch
            {
                MaskKind.KeepFirst when with.Keep > 0 => Kept("first", with.Keep),
                MaskKind.KeepLast when with.Keep > 0 => Kept("last", with.Keep),
                MaskKind.Year => "the year is shown",
                MaskKind.Round => $"it is rounded to {(with.Keep is >= 0 and <= 18 ? "1" + new string('0', with.Keep) : $"1e{with.Keep.ToString(CultureInfo.InvariantCulture)}")}",
                _ => "nothing of it is shown",
            };
    }

    private static string Kept(string which, int characters) => characters == 1
        ? $"the {which} character is shown"
        : $"the {which} {characters.ToString(CultureInfo.InvariantCulture)} characters are shown";

    private static string? Cut(string? comment) => comment is { Length: > Longest } ? $"{comment.AsSpan(0, char.IsHighSurrogate(comment[Longest - 1]) ? Longest - 1 : Longest)}..." : comment;
}
