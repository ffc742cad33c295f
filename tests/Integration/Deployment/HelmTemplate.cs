using System.Text;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>
/// As much of Helm's template language as the chart uses: text, values, variables of `range`, if/else, with, range, define/include and a few functions.
/// Stricter than Helm: what is not there prints nothing but an error, and so does a word that is not known.
/// </summary>
internal sealed partial class HelmTemplate
{
    private readonly Dictionary<string, IReadOnlyList<Node>> named = [];
    private readonly Dictionary<string, IReadOnlyList<Node>> files = [];

    public IEnumerable<string> Files => files.Keys;

    public void Add(string file, string text)
    {
        var tokens = new Queue<Token>(Tokens(file, text));
        var nodes = Parse(tokens, out var end);
        files[file] = end is null ? nodes : throw new FormatException($"{file}: `{end}` ends nothing");
    }

    public string Render(string file, Dictionary<string, object?> root) => Render(files[file], new Scope(root, root));

    private abstract record Node;
    private sealed record Text(string Value) : Node;
    private sealed record Put(HelmExpression Expression) : Node;
    private sealed record Branch(string Kind, string[] Variables, HelmExpression Expression, IReadOnlyList<Node> Body, IReadOnlyList<Node> Otherwise) : Node;
    private sealed record Token(string Value, bool IsAction);

    /// <param name="Root">What `$` is.</param>
    /// <param name="Dot">What `.` is.</param>
    internal sealed record Scope(object? Root, object? Dot)
    {
        public Dictionary<string, object?> Variables { get; init; } = [];
    }

    private static IEnumerable<Token> Tokens(string file, string text)
    {
        var at = 0;
        foreach (Match action in Action().Matches(text))
        {
            var before = text[at..action.Index];
            before = at > 0 && text[at - 3] == '-' ? before.TrimStart() : before;
            yield return new Token(action.Groups["left"].Success ? before.TrimEnd() : before, false);
            yield return new Token(action.Groups["words"].Value.Trim(), true);
            at = action.Index + action.Length;
        }
        var rest = text[at..];
        yield return new Token(at > 0 && text[at - 3] == '-' ? rest.TrimStart() : rest, false);
        if (rest.Contains("{{", StringComparison.Ordinal))
        {
            throw new FormatException($"{file}: an action does not end");
        }
    }

    private List<Node> Parse(Queue<Token> tokens, out string? end)
    {
        var nodes = new List<Node>();
        while (tokens.TryDequeue(out var token))
        {
            var words = token.Value.Split(' ', 2);
            switch (token.IsAction ? words[0] : "")
            {
                case "":
                    nodes.Add(new Text(token.Value));
                    break;
                case "end" or "else":
                    end = token.Value;
                    return nodes;
                case "define":
                    named[words[1].Trim('"', ' ')] = Parse(tokens, out _);
                    break;
                case "if" or "with" or "range":
                    nodes.Add(Block(words[0], words[1], tokens));
                    break;
                default:
                    nodes.Add(new Put(HelmExpression.Parse(token.Value)));
                    break;
            }
        }
        end = null;
        return nodes;
    }

    private Branch Block(string kind, string words, Queue<Token> tokens)
    {
        string[] variables = [];
        if (kind == "range" && words.Split(":=", 2) is [var names, var of])
        {
            (variables, words) = ([.. names.Split(',').Select(n => n.Trim())], of);
        }
        var body = Parse(tokens, out var end);
        List<Node> otherwise = [];
        if (end == "else")
        {
            otherwise = Parse(tokens, out end);
        }
        return end == "end" ? new Branch(kind, variables, HelmExpression.Parse(words), body, otherwise) : throw new FormatException($"`{kind} {words}` does not end: `{end}`");
    }

    private string Render(IEnumerable<Node> nodes, Scope scope)
    {
        var text = new StringBuilder();
        foreach (var node in nodes)
        {
            text.Append(node switch
            {
                Text plain => plain.Value,
                Put put => HelmExpression.Print(put.Expression.Value(scope, Include)),
                Branch branch => Render(branch, scope),
                _ => throw new InvalidOperationException(),
            });
        }
        return text.ToString();
    }

    private string Render(Branch branch, Scope scope)
    {
        var value = branch.Expression.Value(scope, Include);
        if (!HelmExpression.IsTrue(value))
        {
            return Render(branch.Otherwise, scope);
        }
        return branch.Kind switch
        {
            "if" => Render(branch.Body, scope),
            "with" => Render(branch.Body, scope with { Dot = value }),
            _ => string.Concat(Each(value).Select(pair => Render(branch.Body, scope with { Dot = pair.Value, Variables = With(scope, branch.Variables, pair) }))),
        };
    }

    /// <summary>Maps come in the order of their keys, as Go's do.</summary>
    private static IEnumerable<(object Key, object? Value)> Each(object? value) => value is Dictionary<string, object?> map
        ? map.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => ((object)m.Key, m.Value))
        : ((List<object?>)value!).Select((v, i) => ((object)(long)i, v));

    private static Dictionary<string, object?> With(Scope scope, string[] variables, (object Key, object? Value) pair)
    {
        var all = new Dictionary<string, object?>(scope.Variables);
        if (variables is [var key, var both])
        {
            (all[key], all[both]) = (pair.Key, pair.Value);
        }
        else if (variables is [var one])
        {
            all[one] = pair.Value;
        }
        return all;
    }

    private string Include(string name, object? dot) =>
        Render(named.GetValueOrDefault(name) ?? throw new FormatException($"no template is called `{name}`"), new Scope(dot, dot));

    [GeneratedRegex("""\{\{(?<left>- )?(?<words>(?:[^"}]|"[^"]*")*?)(?: -)?\}\}""")]
    private static partial Regex Action();
}
