using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The section `directory`: what tokens cannot tell about people.</summary>
internal static class PolicyDirectory
{
    private static readonly string[] Keys = ["groups", "owners", "same-person", "disabled"];

    public static PeopleDirectory Read(PolicyFields fields, YamlNode? section)
    {
        if (section is null or YamlScalar { IsNull: true } || fields.Map(section, Keys) is not { } map)
        {
            return PeopleDirectory.Empty;
        }
        return new PeopleDirectory(Groups(fields, map["groups"]), Owners(fields, map["owners"]), SamePerson(fields, map["same-person"]), fields.Persons(map["disabled"]));
    }

    private static Dictionary<string, IReadOnlyList<string>> Groups(PolicyFields fields, YamlNode? node) =>
        Entries(fields, node).ToDictionary(e => e.Key.Value, e => fields.Persons(e.Value), StringComparer.Ordinal);

    private static Dictionary<string, string> Owners(PolicyFields fields, YamlNode? node)
    {
        var owners = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in Entries(fields, node))
        {
            if (fields.Person(key) is { } workload && fields.Person(value) is { } owner)
            {
                owners[workload] = owner;
            }
        }
        return owners;
    }

    private static List<IReadOnlyList<string>> SamePerson(PolicyFields fields, YamlNode? node)
    {
        var sets = new List<IReadOnlyList<string>>();
        foreach (var set in fields.List(node))
        {
            var persons = fields.Persons(set);
            if (persons.Count < 2)
            {
                fields.Problems.Error(set, "one person's identities: at least two");
            }
            sets.Add(persons);
        }
        return sets;
    }

    private static IReadOnlyList<YamlEntry> Entries(PolicyFields fields, YamlNode? node)
    {
        switch (node)
        {
            case null or YamlScalar { IsNull: true }:
                return [];
            case YamlMap map:
                return map.Entries;
            default:
                fields.Problems.Error(node, $"must be a mapping, not {node.What}");
                return [];
        }
    }
}
