namespace AccessPlane.Contracts.Sql;

/// <summary>Where a text names relations with their schema.</summary>
internal static class PgQualified
{
    private const int Most = 4096;

    /// <returns>Null for none, and where they are too many to be of a person's or a program's making.</returns>
    public static IReadOnlyList<QualifiedName>? Find(PgJson tree)
    {
        List<QualifiedName>? found = null;
        foreach (var node in tree.Objects)
        {
            if (Of(node) is { } name)
            {
                (found ??= []).Add(name);
                if (found.Count > Most)
                {
                    return null;
                }
            }
        }
        return found;
    }

    private static QualifiedName? Of(PgNode node)
    {
        if (node["schemaname"u8].Text is { } schema)
        {
            return node["relname"u8].Text is { } relation ? new QualifiedName(node["location"u8].Number, schema, relation) : null;
        }
        return node["fields"u8] is { IsArray: true } fields && InThree(fields) is var (first, second)
            ? new QualifiedName(node["location"u8].Number, first, second)
            : null;
    }

    /// <summary>`schema.relation.column`, or `schema.relation.*`.</summary>
    private static (string Schema, string Relation)? InThree(PgNode fields)
    {
        string? first = null, second = null;
        var count = 0;
        foreach (var field in fields.Below)
        {
            var text = count < 2 ? field["String"u8]["sval"u8].Text : null;
            (first, second) = count switch { 0 => (text, null), 1 => (first, text), _ => (first, second) };
            count++;
        }
        return count == 3 && first is not null && second is not null ? (first, second) : null;
    }
}
