using System.Globalization;
using System.Security.Cryptography;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Saying no without losing the protocol: what was refused is replaced by a message that always fails and carries a random marker; the server's
/// error with that marker becomes this one. Transaction state, skipping until Sync and ReadyForQuery stay the server's own.
/// </summary>
internal sealed class PgRefusal(string code, string message, string? detail, string? hint)
{
    public string Code { get; } = code;
    public string Message { get; } = message;

    /// <summary>Evidence before effect: what cannot be recorded is not done.</summary>
    public static PgRefusal NotRecorded => new(PgError.NoRecord, "denied: the operation cannot be recorded at the moment", null, "try again later");

    /// <summary>Of a text that is no SQL: the server's own words for it, at this character, are the best ones.</summary>
    public int? SyntaxErrorAt { get; init; }

    /// <summary>Of a name in SQL, which the server looks for only where it would run the statement.</summary>
    public bool IsOfName { get; init; }

    /// <summary>Becomes the name of something that cannot exist, and a text that is no SQL.</summary>
    public string Marker { get; } = $"accessplane_refused_{RandomNumberGenerator.GetHexString(16, lowercase: true)}";

    /// <param name="provoked">The server's error for the replacement.</param>
    public byte[] Response(ReadOnlySpan<byte> provoked) => SyntaxErrorAt is { } at
        ? PgError.SyntaxError(Message, at, hint, provoked)
        : PgError.Of("ERROR", Code, Message, detail, hint);

    public static PgRefusal Of(PgText text, Ruling ruling, Guid session, long op)
    {
        if (text.Facts is { SyntaxErrorAt: { } at, Unknown: { } error })
        {
            return new PgRefusal("42601", error, null, null) { SyntaxErrorAt = at };
        }
        var reason = ruling.Deciding;
        var rule = reason?.Rule ?? "policy";
        var hint = rule switch
        {
            "only-known" => "write it as PostgreSQL 15 reads it, or send it in smaller parts",
            "pinned-session" => "leave this out: sessions through this agent keep it as it is",
            _ when ruling.Context is { } context && context.Entitlement != rule => null, // a rule has its own words
            _ => "ask for an entitlement that allows it",
        };
        return new PgRefusal(PgError.Refused, $"denied by `{rule}`: {reason?.Text}", Where(session, op), hint);
    }

    /// <summary>A prepared statement or cursor that SQL names and this session has not made: in the server's words, for it would say so too.</summary>
    /// <param name="use">Null for none.</param>
    public static PgRefusal? NotKnown(Contracts.Sql.NameUse? use) => use is null ? null : use.Action == Contracts.Sql.NameAction.Execute
        ? new PgRefusal(PgError.NoStatement, $"prepared statement \"{use.Name}\" does not exist", null, null) { IsOfName = true }
        : new PgRefusal(PgError.NoPortal, $"cursor \"{use.Name}\" does not exist", null, null) { IsOfName = true };

    /// <summary>What is said when it is its turn: in a failed transaction the server looks for no name.</summary>
    public PgRefusal In(byte transaction) => IsOfName && transaction == 'E'
        ? new PgRefusal("25P02", "current transaction is aborted, commands ignored until end of transaction block", null, null)
        : this;

    public static string Where(Guid session, long op) => string.Create(CultureInfo.InvariantCulture, $"operation {op} of session {session:D}");

    public byte[] AsQuery() => PgFrame.OfTexts('Q', Marker);

    public byte[] AsParse(ReadOnlySpan<byte> name)
    {
        var marker = System.Text.Encoding.ASCII.GetBytes(Marker);
        return PgFrame.Of('P', [.. name, 0, .. marker, 0, 0, 0]);
    }

    /// <summary>Also in the place of Describe, Execute and whatever cannot be read: it fails by a name that does not exist.</summary>
    public byte[] AsBind()
    {
        var marker = System.Text.Encoding.ASCII.GetBytes(Marker);
        return PgFrame.Of('B', [0, .. marker, 0, 0, 0, 0, 0, 0, 0]);
    }

    /// <summary>Whether an error of the server is the one that the replacement provoked.</summary>
    public bool Caused(ReadOnlySpan<byte> error) =>
        PgError.Field(error, 'M').IndexOf(System.Text.Encoding.ASCII.GetBytes(Marker)) >= 0;
}
