namespace AccessPlane.ControlPlane.Policies;

public enum ProblemSeverity { Warning, Error }

/// <summary>Something in a policy document that its author should see.</summary>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
/// <param name="Path">Where in the document, such as `entitlements[0].approval.steps[1].count`; empty for the document itself.</param>
public sealed record PolicyProblem(ProblemSeverity Severity, long Line, long Column, string Message, string Path);

/// <summary>All that was found, not only the first. Bounded, so that a hostile text gets no unbounded answer.</summary>
internal sealed class PolicyProblems
{
    private const int Most = 1_000;
    private readonly List<PolicyProblem> all = [];

    public IReadOnlyList<PolicyProblem> InOrder => [.. all.OrderBy(p => p.Line).ThenBy(p => p.Column)];
    public bool Any => all.Exists(p => p.Severity == ProblemSeverity.Error);

    /// <summary>Whether something at a node or within it is wrong already: a warning about it would only repeat that.</summary>
    public bool Spoilt(YamlNode node) => all.Exists(p =>
        p.Severity == ProblemSeverity.Error && p.Path.StartsWith(node.Path, StringComparison.Ordinal) &&
        (p.Path.Length == node.Path.Length || p.Path[node.Path.Length] is '.' or '['));

    public void Error(YamlNode at, string message) => Add(new PolicyProblem(ProblemSeverity.Error, at.Line, at.Column, message, at.Path));
    public void Warning(YamlNode at, string message) => Add(new PolicyProblem(ProblemSeverity.Warning, at.Line, at.Column, message, at.Path));

    public void Add(PolicyProblem problem)
    {
        if (all.Count < Most)
        {
            all.Add(problem);
        }
        else if (all.Count == Most)
        {
            all.Add(new PolicyProblem(ProblemSeverity.Error, problem.Line, problem.Column, "more problems follow: fix these first", ""));
        }
    }
}
