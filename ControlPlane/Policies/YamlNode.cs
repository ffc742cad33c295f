namespace AccessPlane.ControlPlane.Policies;

/// <summary>A piece of a YAML document with its place, so that every problem can say where it is.</summary>
internal abstract record YamlNode(long Line, long Column, string Path)
{
    /// <summary>What a person would call it.</summary>
    public abstract string What { get; }
}

/// <param name="Quoted">A quoted scalar is text and nothing else.</param>
internal sealed record YamlScalar(string Value, bool Quoted, long Line, long Column, string Path) : YamlNode(Line, Column, Path)
{
    public override string What => "a single value";
    public bool IsNull => !Quoted && Value is "" or "~" or "null" or "Null" or "NULL";
}

internal sealed record YamlList(IReadOnlyList<YamlNode> Items, long Line, long Column, string Path) : YamlNode(Line, Column, Path)
{
    public override string What => "a list";
}

internal sealed record YamlMap(IReadOnlyList<YamlEntry> Entries, long Line, long Column, string Path) : YamlNode(Line, Column, Path)
{
    public override string What => "a mapping";
    public YamlNode? this[string key] => Entries.FirstOrDefault(e => e.Key.Value == key)?.Value;
}

internal sealed record YamlEntry(YamlScalar Key, YamlNode Value);
