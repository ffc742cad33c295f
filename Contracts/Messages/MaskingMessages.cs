using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>`masking`: whether PostgreSQL enforces the masks of a database of a resource, as its agent found. Sent at the agent's start and
/// whenever it changes; one that says nothing new changes nothing.</summary>
/// <param name="Plan"><see cref="PlanOf"/> the SQL: what an admin orders to be applied is exactly what was shown.</param>
/// <param name="Reason">Why it is unavailable, or what a plan waits for; for people to read.</param>
/// <param name="Sql">What sets it up, or changes it to what the policy asks for today: at most <see cref="MostSql"/> bytes of UTF-8; empty where nothing can be.</param>
/// <param name="Findings">At most <see cref="MostFindings"/>.</param>
public sealed record MaskingState(
    string Resource, string Database, string Plan, MaskingStatus Status, string? Reason, string Sql, IReadOnlyList<MaskingFinding> Findings)
{
    public const int MostSql = 1 << 20;
    public const int MostFindings = 500;

    /// <summary>Of each text of a finding, and of the reason: characters.</summary>
    public const int LongestText = 1_000;

    /// <summary>As it may be sent: texts that are longer than a person reads are cut. SQL that is too long to be shown is not, and so it is never applied.</summary>
    public MaskingState Bounded()
    {
        var fitting = this with
        {
            Reason = Cut(Reason),
            Findings = [.. Findings.Take(MostFindings).Select(f => new MaskingFinding(Cut(f.Class)!, Cut(f.Through)!, Cut(f.What)!, Cut(f.Close)!, f.Refuses))],
        };
        return Encoding.UTF8.GetByteCount(Sql) <= MostSql ? fitting : fitting with
        {
            Sql = "",
            Plan = PlanOf(""),
            Status = MaskingStatus.Unavailable,
            Reason = $"what would have to be run is longer than {MostSql} bytes: let the agent's role see fewer relations, or mask columns of fewer",
        };
    }

    private static string? Cut(string? text)
    {
        if (text is null || text.Length <= LongestText)
        {
            return text;
        }
        // half of a character is no text
        var end = LongestText - 1 - (char.IsHighSurrogate(text[LongestText - 2]) ? 1 : 0);
        return $"{text.AsSpan(0, end)}…";
    }

    /// <summary>The name of a plan: the SHA-256 of its SQL's UTF-8 bytes, lower-case hex.</summary>
    public static string PlanOf(string sql) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql)));
}

/// <summary>Planned: shown, waits for an admin. Ready: in force, masked sessions open. Unavailable: none opens, for the reason that is given.</summary>
public enum MaskingStatus { Planned, Ready, Unavailable }

/// <summary>One way in which masked data could still be reached, or something a person should know.</summary>
/// <param name="Class">The kind of way, in one or a few words.</param>
/// <param name="Through">What the way leads through, as the database names it.</param>
/// <param name="What">What could be reached through it.</param>
/// <param name="Close">How to close it: a statement, or what to do.</param>
/// <param name="Refuses">No masked session opens while it is there.</param>
public sealed record MaskingFinding(string Class, string Through, string What, string Close, bool Refuses);

/// <summary>`masking-apply`: run the SQL of this plan. An agent whose plan is another one by now does nothing and reports that one.</summary>
public sealed record MaskingApply(string Resource, string Database, string Plan);
