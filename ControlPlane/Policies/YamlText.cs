using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>
/// YAML text → nodes, from the parser's events. A policy needs no anchors, aliases, tags or second document, and without them no text expands
/// into more than it is.
/// </summary>
internal sealed class YamlText
{
    public const int LongestText = 1 << 20;
    private const int DeepestNesting = 32;

    private readonly Scanner scanner;
    private readonly Parser parser;
    private readonly PolicyProblems problems;

    private YamlText(string text, PolicyProblems problems)
    {
        scanner = new Scanner(new StringReader(text), skipComments: true);
        parser = new Parser(scanner);
        this.problems = problems;
    }

    /// <summary>The document's root; null where there is none that makes sense.</summary>
    public static YamlNode? Read(string text, PolicyProblems problems)
    {
        if (text.Length > LongestText)
        {
            problems.Add(new PolicyProblem(ProblemSeverity.Error, 1, 1, "the document is longer than 1 MiB", ""));
            return null;
        }
        var reader = new YamlText(text, problems);
        try
        {
            return reader.Document();
        }
        catch (TooDeep deep)
        {
            problems.Add(new PolicyProblem(ProblemSeverity.Error, deep.At.Line, deep.At.Column, $"nested deeper than {DeepestNesting} levels", ""));
        }
        catch (YamlException bad)
        {
            problems.Add(new PolicyProblem(
                ProblemSeverity.Error, Math.Max(1, bad.Start.Line), Math.Max(1, bad.Start.Column), $"not YAML: {FirstLine(bad.Message)}", ""));
        }
        catch (Exception bad) when (bad is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            // the scanner ends so on some malformed texts, instead of saying what is wrong
            var at = reader.scanner.CurrentPosition;
            problems.Add(new PolicyProblem(ProblemSeverity.Error, Math.Max(1, at.Line), Math.Max(1, at.Column), "not YAML: it cannot be read from here on", ""));
        }
        return null;
    }

    private YamlNode? Document()
    {
        parser.Consume<StreamStart>();
        if (parser.Accept<StreamEnd>(out _))
        {
            return null;
        }
        parser.Consume<DocumentStart>();
        var root = Node("", 0);
        parser.Consume<DocumentEnd>();
        if (parser.Current is DocumentStart second)
        {
            problems.Add(new PolicyProblem(
                ProblemSeverity.Error, second.Start.Line, second.Start.Column, "only one document: publish one file at a time", ""));
        }
        return root;
    }

    private YamlNode Node(string path, int depth)
    {
        var at = (parser.Current ?? throw new YamlException("the document ends too early")).Start;
        if (depth > DeepestNesting)
        {
            throw new TooDeep(at);
        }
        switch (parser.Current)
        {
            case AnchorAlias:
                parser.MoveNext();
                Refuse(at, path, "aliases are not supported");
                return new YamlScalar("", false, at.Line, at.Column, path);
            case Scalar scalar:
                Plain(scalar, path);
                parser.MoveNext();
                return new YamlScalar(scalar.Value, scalar.Style != ScalarStyle.Plain, at.Line, at.Column, path);
            case SequenceStart start:
                Plain(start, path);
                return List(at, path, depth);
            case MappingStart start:
                Plain(start, path);
                return Map(at, path, depth);
            default:
                throw new YamlException(at, at, "a value is missing");
        }
    }

    private YamlList List(Mark at, string path, int depth)
    {
        parser.MoveNext();
        var items = new List<YamlNode>();
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            items.Add(Node($"{path}[{items.Count}]", depth + 1));
        }
        return new YamlList(items, at.Line, at.Column, path);
    }

    private YamlMap Map(Mark at, string path, int depth)
    {
        parser.MoveNext();
        var entries = new List<YamlEntry>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var key = Node(path, depth + 1) as YamlScalar;
            var value = Node(path.Length == 0 ? $"{key?.Value}" : $"{path}.{key?.Value}", depth + 1);
            if (key is null)
            {
                problems.Error(value, "a key must be a single value");
            }
            else if (!seen.Add(key.Value))
            {
                problems.Error(key with { Path = value.Path }, $"`{key.Value}` is here twice");
            }
            else
            {
                entries.Add(new YamlEntry(key with { Path = value.Path }, value));
            }
        }
        return new YamlMap(entries, at.Line, at.Column, path);
    }

    private void Plain(NodeEvent node, string path)
    {
        if (!node.Anchor.IsEmpty)
        {
            Refuse(node.Start, path, "anchors are not supported");
        }
        if (!node.Tag.IsEmpty && !node.Tag.IsNonSpecific)
        {
            Refuse(node.Start, path, "tags are not supported");
        }
    }

    private void Refuse(Mark at, string path, string why) => problems.Add(new PolicyProblem(ProblemSeverity.Error, at.Line, at.Column, why, path));

    private static string FirstLine(string message)
    {
        var line = message.Split('\n', 2)[0].Trim();
        return line.Length > 0 ? char.ToLowerInvariant(line[0]) + line[1..] : "it cannot be read";
    }

    private sealed class TooDeep(Mark at) : Exception
    {
        public Mark At { get; } = at;
    }
}
