using System.Text.Json.Serialization.Metadata;
using AccessPlane.Contracts;

namespace AccessPlane.Projections;

/// <summary>What a table's rows look like: a line for each member of a row and of the records within (`row.member:Type`, with `?` where it may be absent), and one for each generated column.</summary>
internal sealed record RowShape(IReadOnlyCollection<string> Lines)
{
    /// <summary>The members of a row, and of the records within, as JSON sees them.</summary>
    public static IEnumerable<string> Describe(Type row)
    {
        var (lines, known, open) = (new List<string>(), new HashSet<Type> { row }, new Queue<Type>([row]));
        while (open.TryDequeue(out var type))
        {
            foreach (var member in Json.Options.GetTypeInfo(type).Properties)
            {
                lines.Add($"{(type == row ? "row" : type.Name)}.{member.Name}:{NameOf(member.PropertyType, Meet)}{(member.IsRequired ? "" : "?")}");
            }
        }
        return lines;

        void Meet(Type type)
        {
            if (known.Add(type))
            {
                open.Enqueue(type);
            }
        }
    }

    /// <summary>Whether what expects rows of this shape reads those of another: everything is there that must be, and nothing is something else.</summary>
    public bool Reads(IReadOnlyCollection<string> other)
    {
        var members = other.Where(IsMember).ToDictionary(MemberOf, TypeOf, StringComparer.Ordinal);
        return Lines.All(line => !IsMember(line) ? other.Contains(line)
            : members.TryGetValue(MemberOf(line), out var type) ? type == TypeOf(line) || $"{type}?" == TypeOf(line)
            : line.EndsWith('?'));
    }

    // a column's definition has blanks in it
    private static bool IsMember(string line) => !line.Contains(' ', StringComparison.Ordinal);

    private static string MemberOf(string line) => line[..line.IndexOf(':', StringComparison.Ordinal)];

    private static string TypeOf(string line) => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..];

    private static string NameOf(Type type, Action<Type> meet)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var info = Json.Options.GetTypeInfo(type);
        switch (info.Kind)
        {
            case JsonTypeInfoKind.Object:
                meet(type);
                return type.Name;
            case JsonTypeInfoKind.Enumerable:
                return $"[{NameOf(info.ElementType!, meet)}]";
            case JsonTypeInfoKind.Dictionary:
                return $"{{{NameOf(info.ElementType!, meet)}}}";
            default:
                return type.IsEnum ? $"{type.Name}({string.Join(',', Enum.GetNames(type))})" : type.Name;
        }
    }
}
