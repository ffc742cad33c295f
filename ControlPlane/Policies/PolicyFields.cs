using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Nodes → values of the right type. What is wrong is written down, a stand-in is returned, and reading goes on, so that every problem
/// shows at once.</summary>
internal sealed partial class PolicyFields(PolicyProblems problems)
{
    public PolicyProblems Problems => problems;

    /// <summary>A mapping with these keys and no others; null where the node is something else.</summary>
    public YamlMap? Map(YamlNode? node, string[] keys)
    {
        if (node is not YamlMap map)
        {
            if (node is not null)
            {
                problems.Error(node, $"must be a mapping with {string.Join(", ", keys.Select(k => $"`{k}`"))}, not {node.What}");
            }
            return null;
        }
        foreach (var (key, _) in map.Entries)
        {
            if (!keys.Contains(key.Value))
            {
                problems.Error(key, $"unknown key `{key.Value}`: expected one of {string.Join(", ", keys.Select(k => $"`{k}`"))}");
            }
        }
        return map;
    }

    public IReadOnlyList<YamlNode> List(YamlNode? node)
    {
        switch (node)
        {
            case null or YamlScalar { IsNull: true }:
                return [];
            case YamlList list:
                return list.Items;
            default:
                problems.Error(node, $"must be a list, not {node.What}");
                return [];
        }
    }

    public string? Text(YamlNode? node)
    {
        switch (node)
        {
            case null:
                return null;
            case YamlScalar { IsNull: false, Value: { Length: > 0 } value }:
                return value;
            default:
                problems.Error(node, node is YamlScalar ? "must not be empty" : $"must be a single value, not {node.What}");
                return null;
        }
    }

    /// <summary>Texts; a list that is there must say something, because an empty one would mean any.</summary>
    public IReadOnlyList<string> Texts(YamlNode? node) => [.. NotEmpty(node).Select(Text).OfType<string>()];

    /// <summary>The items of a list that must say something where it is there, because an empty one would mean any.</summary>
    public IReadOnlyList<YamlNode> NotEmpty(YamlNode? node)
    {
        if (node is YamlList { Items.Count: 0 } or YamlScalar { IsNull: true })
        {
            problems.Error(node, "must not be empty: leave it out for any");
        }
        return List(node);
    }

    /// <summary>Kinds of statement.</summary>
    public IReadOnlyList<string> Statements(YamlNode? node)
    {
        foreach (var kind in (node as YamlList)?.Items.OfType<YamlScalar>().Where(s => !StatementKinds.All.Contains(s.Value)) ?? [])
        {
            problems.Error(kind, $"`{kind.Value}` is not a kind of statement: {string.Join(", ", StatementKinds.All.Order(StringComparer.Ordinal))}");
        }
        return Texts(node);
    }

    /// <summary>Patterns over names of so many parts.</summary>
    public IReadOnlyList<string> Patterns(YamlNode? node, int parts)
    {
        var patterns = new List<string>();
        foreach (var item in NotEmpty(node))
        {
            if (Text(item) is not { } text)
            {
                continue;
            }
            if (NamePattern.WhyNot(text, parts) is { } why)
            {
                problems.Error(item, why);
            }
            patterns.Add(text);
        }
        return patterns;
    }

    public bool Flag(YamlNode? node, bool otherwise)
    {
        switch (node)
        {
            case null:
                return otherwise;
            case YamlScalar { Quoted: false, Value: "true" or "false" } scalar:
                return scalar.Value == "true";
            default:
                problems.Error(node, "must be `true` or `false`");
                return otherwise;
        }
    }

    public int Number(YamlNode? node, int least, int most, int otherwise)
    {
        if (node is null)
        {
            return otherwise;
        }
        if (node is YamlScalar { Quoted: false } scalar && int.TryParse(scalar.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) &&
            number >= least && number <= most)
        {
            return number;
        }
        problems.Error(node, $"must be a whole number from {least} to {most}");
        return otherwise;
    }

    /// <summary>Bytes.</summary>
    public long? Size(YamlNode? node, long most = long.MaxValue)
    {
        if (node is null)
        {
            return null;
        }
        if (node is not YamlScalar scalar || Sizes().Match(scalar.Value) is not { Success: true } size)
        {
            problems.Error(node, "must be a size such as `64MiB`: a number with `B`, `KiB`, `MiB` or `GiB`");
            return null;
        }
        var number = long.Parse(size.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
        var bytes = number << (size.Groups[2].Value switch { "KiB" => 10, "MiB" => 20, "GiB" => 30, _ => 0 });
        if (bytes > most)
        {
            problems.Error(node, $"must be {most >> 20}MiB at most");
        }
        return Math.Min(bytes, most);
    }

    public TimeSpan? Duration(YamlNode? node)
    {
        if (node is null)
        {
            return null;
        }
        if (node is YamlScalar scalar && Durations.Parse(scalar.Value) is { } duration)
        {
            return duration;
        }
        problems.Error(node, node is YamlScalar bad
            ? $"`{bad.Value}` is not a duration: write `8h`, `30m`, `10s`, `7d` or combinations such as `1h30m`, up to ten years"
            : $"must be a duration such as `30m`, not {node.What}");
        return null;
    }

    public TimeSpan Duration(YamlNode? node, TimeSpan otherwise) => Duration(node) ?? otherwise;

    /// <summary>One of a few words.</summary>
    public T Choice<T>(YamlNode? node, IReadOnlyDictionary<string, T> words, T otherwise)
    {
        if (node is null || Text(node) is not { } text)
        {
            return otherwise;
        }
        if (words.TryGetValue(text, out var chosen))
        {
            return chosen;
        }
        problems.Error(node, $"`{text}` is not one of {string.Join(", ", words.Keys.Select(k => $"`{k}`"))}");
        return otherwise;
    }

    /// <summary>A name of the closed alphabet; required.</summary>
    public string? Name(YamlMap map, string key)
    {
        if (Required(map, key) is not { } node || Text(node) is not { } name)
        {
            return null;
        }
        if (Ids.IsName(name))
        {
            return name;
        }
        problems.Error(node, $"`{name}` is not a name: lower case letters, digits and dashes, 1 to 63, starting with a letter, not ending with a dash");
        return null;
    }

    public YamlNode? Required(YamlMap map, string key)
    {
        var node = map[key];
        if (node is null)
        {
            problems.Error(map, $"`{key}` is missing");
        }
        return node;
    }

    /// <summary>`issuer|subject`.</summary>
    public string? Person(YamlNode node)
    {
        if (Text(node) is not { } key)
        {
            return null;
        }
        var bar = key.LastIndexOf('|');
        if (bar > 0 && bar < key.Length - 1)
        {
            return key;
        }
        problems.Error(node, $"`{key}` is not an identity: write `issuer|subject`");
        return null;
    }

    public IReadOnlyList<string> Persons(YamlNode? node) => [.. List(node).Select(Person).OfType<string>()];

    // seven digits of the largest unit fit
    [GeneratedRegex("^([1-9][0-9]{0,6})(B|KiB|MiB|GiB)$", RegexOptions.CultureInvariant)]
    private static partial Regex Sizes();
}
