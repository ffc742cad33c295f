using System.Globalization;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>A pipeline: `toYaml .Values.x | nindent 4`. What is left of a bar is the last argument of what is right of it.</summary>
internal sealed partial class HelmExpression
{
    private readonly List<List<object>> commands = [];

    public static HelmExpression Parse(string words)
    {
        var tokens = new Queue<string>(Word().Matches(words).Select(m => m.Value));
        var expression = Pipeline(tokens);
        return tokens.Count == 0 ? expression : throw new FormatException($"`{words}`: `{tokens.Peek()}` is too many");
    }

    public static bool IsTrue(object? value) => value is not (null or "" or false or 0L or List<object?> { Count: 0 } or Dictionary<string, object?> { Count: 0 });

    public static string Print(object? value) => value switch
    {
        string text => text,
        bool truth => truth ? "true" : "false",
        long number => number.ToString(CultureInfo.InvariantCulture),
        _ => throw new FormatException($"`{value ?? "nothing"}` cannot be printed"),
    };

    public object? Value(HelmTemplate.Scope scope, Func<string, object?, string> include)
    {
        object? piped = null;
        for (var i = 0; i < commands.Count; i++)
        {
            var values = commands[i].Skip(1).Select(t => Term(t, scope, include)).ToList();
            if (i > 0)
            {
                values.Add(piped);
            }
            piped = commands[i][0] is string name && char.IsLetter(name[0]) ? Call(name, values, include) : Term(commands[i][0], scope, include);
        }
        return piped;
    }

    private static HelmExpression Pipeline(Queue<string> tokens)
    {
        var expression = new HelmExpression();
        var command = new List<object>();
        expression.commands.Add(command);
        while (tokens.TryPeek(out var token) && token != ")")
        {
            tokens.Dequeue();
            if (token == "|")
            {
                expression.commands.Add(command = []);
            }
            else if (token == "(")
            {
                command.Add(Pipeline(tokens));
                tokens.Dequeue();
            }
            else
            {
                command.Add(token);
            }
        }
        return expression.commands.TrueForAll(c => c.Count > 0) ? expression : throw new FormatException("a command is missing");
    }

    private static object? Term(object term, HelmTemplate.Scope scope, Func<string, object?, string> include) => term switch
    {
        HelmExpression inner => inner.Value(scope, include),
        string { Length: > 1 } text when text[0] == '"' => text[1..^1],
        string text when long.TryParse(text, CultureInfo.InvariantCulture, out var number) => number,
        string text when text[0] == '.' => Field(scope.Dot, text[1..]),
        string text when text == "$" || text.StartsWith("$.", StringComparison.Ordinal) => Field(scope.Root, text.TrimStart('$', '.')),
        string text when text[0] == '$' && text.Split('.', 2) is var parts => Field(scope.Variables[parts[0]], parts.Length > 1 ? parts[1] : ""),
        _ => throw new FormatException($"`{term}` is not understood"),
    };

    private static object? Field(object? value, string path) => path.Length == 0
        ? value
        : path.Split('.').Aggregate(value, (at, name) =>
            at is Dictionary<string, object?> map ? map.GetValueOrDefault(name) : throw new FormatException($"`{name}` of `{path}` is asked of `{at ?? "nothing"}`"));

    private static object? Call(string name, List<object?> values, Func<string, object?, string> include) => (name, values) switch
    {
        ("quote", [var value]) => $"\"{Print(value).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"",
        ("toYaml", [var value]) => PlainYaml.Write(value),
        ("nindent", [long columns, string text]) => $"\n{new string(' ', (int)columns)}{text.Replace("\n", $"\n{new string(' ', (int)columns)}", StringComparison.Ordinal)}",
        ("default", [var otherwise, var value]) => IsTrue(value) ? value : otherwise,
        ("required", [string message, var value]) => value is null or "" ? throw new FormatException(message) : value,
        ("eq", [var left, var right]) => Equals(left, right),
        ("ne", [var left, var right]) => !Equals(left, right),
        ("include", [string template, var dot]) => include(template, dot),
        ("printf", [string format, var value]) => format.Replace("%s", Print(value), StringComparison.Ordinal),
        _ => throw new FormatException($"`{name}` with {values.Count} arguments is not known"),
    };

    [GeneratedRegex("""
        "[^"]*"|[()|]|[^\s()|"]+
        """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Word();
}
