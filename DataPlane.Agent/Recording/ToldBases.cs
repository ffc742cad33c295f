using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Recording;

/// <summary>Which facts and scopes stand in a session's record already. Where that is forgotten, they stand there twice.</summary>
internal sealed class ToldBases
{
    private const int Most = 1024;

    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private StatementFacts? lastFacts;
    private Scope? lastScope;

    /// <returns>What is to be told now; null where it was.</returns>
    public RecordedFacts? New(Scope scope)
    {
        if (ReferenceEquals(scope, lastScope))
        {
            return null;
        }
        lastScope = scope;
        return IfNew(RecordedFacts.Of(scope));
    }

    /// <inheritdoc cref="New(Scope)"/>
    public RecordedFacts? New(StatementFacts facts)
    {
        if (ReferenceEquals(facts, lastFacts))
        {
            return null;
        }
        lastFacts = facts;
        return IfNew(RecordedFacts.Of(facts));
    }

    private RecordedFacts? IfNew(RecordedFacts basis)
    {
        if (told.Count == Most)
        {
            told.Clear();
        }
        return told.Add(basis.Hash) ? basis : null;
    }
}
