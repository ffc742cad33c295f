using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// Proof that the Gate admitted someone: the only way to dial an upstream takes one, and only the Gate makes one.
/// Carries the grant and the token that ends the session.
/// </summary>
public sealed class Permit : IDisposable
{
    internal Permit(Guid session, GrantLease grant, ResourceTerms resource, string database, string login)
    {
        Session = session;
        Grant = grant;
        Resource = resource;
        Database = database;
        Login = login;
    }

    public Guid Session { get; }

    /// <summary>The grant as it was when the session was admitted; <see cref="Judge"/> looks at it as it is now.</summary>
    public GrantLease Grant { get; }
    public ResourceTerms Resource { get; }
    public string Database { get; }

    /// <summary>How the client proved itself: `ticket t_…` or `token`.</summary>
    public string Login { get; }

    /// <summary>Signals that the session must be cut now; <see cref="End"/> says why.</summary>
    public CancellationToken Ended => throw new NotSupportedException();

    /// <summary>Why the session must end; null while it may go on.</summary>
    public SessionEnd? End => throw new NotSupportedException();

    /// <summary>False while forwarding is frozen (liveness lease too old, spool too full). A volatile read: asked for every message.</summary>
    public bool MayForward => throw new NotSupportedException();

    /// <summary>Completes when forwarding may go on, or when the session ended.</summary>
    public ValueTask Thawed() => throw new NotSupportedException();

    /// <summary>Judges an operation by what is in force now: is the grant alive, is the statement within its scope.</summary>
    public Ruling Judge(StatementFacts facts) => throw new NotSupportedException();

    /// <summary>The session is over: it is no longer counted or cut.</summary>
    public void Dispose() { }
}

/// <param name="Cause">As in <see cref="AccessPlane.Contracts.Events.SessionTerminated"/>.</param>
/// <param name="Message">For the client: what happened and what to do.</param>
/// <param name="OrderedAt">Timestamp (Stopwatch ticks) of the order's arrival, for the latency of the cut.</param>
public sealed record SessionEnd(string Cause, string Message, long OrderedAt);
