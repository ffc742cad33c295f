using System.Collections.Frozen;
using System.Text;

namespace AccessPlane.Contracts.Events;

/// <summary>
/// Stored name ↔ type, in Marten's snake_case alias form. Frozen: a test compares it with a list that may only grow,
/// because a renamed class would otherwise make stored events unreadable.
/// </summary>
public static class EventNames
{
    private static readonly FrozenDictionary<string, Type> ByName = typeof(EventNames).Assembly.GetTypes()
        .Where(t => t is { IsAbstract: false, IsInterface: false } && typeof(IEvent).IsAssignableFrom(t))
        .ToFrozenDictionary(t => SnakeCase(t.Name));

    public static IReadOnlyCollection<string> All => ByName.Keys;
    public static string Of(IEvent e) => Of((e ?? throw new ArgumentNullException(nameof(e))).GetType());
    public static string Of(Type type) => SnakeCase((type ?? throw new ArgumentNullException(nameof(type))).Name);

    /// <summary>The type behind a stored name; null where this version does not know it.</summary>
    public static Type? TypeOf(string name) => ByName.GetValueOrDefault(name);

    private static string SnakeCase(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (var c in name)
        {
            if (char.IsAsciiLetterUpper(c) && text.Length > 0)
            {
                text.Append('_');
            }
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}
