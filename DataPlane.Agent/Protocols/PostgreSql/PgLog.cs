using System.Net;

namespace AccessPlane.Agent.Protocols.PostgreSql;

internal static partial class PgLog
{
    [LoggerMessage(Level = LogLevel.Information, Message = "resource {Resource} listens on {EndPoint}")]
    public static partial void Listening(ILogger log, string resource, IPEndPoint endPoint);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a connection was not accepted")]
    public static partial void NotAccepted(ILogger log, Exception why);

    [LoggerMessage(Level = LogLevel.Error, Message = "a connection ended in a way that nobody foresaw")]
    public static partial void Unforeseen(ILogger log, Exception why);

    [LoggerMessage(Level = LogLevel.Information, Message = "login from {Client} refused: {Why}")]
    public static partial void LoginRefused(ILogger log, IPEndPoint client, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} more logins were refused, too many to tell of each")]
    public static partial void MoreLoginsRefused(ILogger log, long count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "resource {Resource} cannot be reached")]
    public static partial void Unreachable(ILogger log, string resource, Exception why);

    [LoggerMessage(Level = LogLevel.Error, Message = "the address of resource {Resource} leads to another database by now: its system identifier is {System}")]
    public static partial void Exchanged(ILogger log, string resource, string? system);

    [LoggerMessage(Level = LogLevel.Information, Message = "session {Session} open for {Client}, grant {Grant}")]
    public static partial void Opened(ILogger log, Guid session, string client, Guid grant);

    [LoggerMessage(Level = LogLevel.Information, Message = "session {Session} ended: {Cause}, {Note}")]
    public static partial void Ended(ILogger log, Guid session, string cause, string? note);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: its record could not be begun")]
    public static partial void NotRecorded(ILogger log, Guid session, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the catalog of database {Database} cannot be read")]
    public static partial void NoCatalog(ILogger log, string database, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "session {Session}: the backend could not be cancelled")]
    public static partial void NotCancelled(ILogger log, Guid session, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "session {Session}: the planner could not be asked about what is held")]
    public static partial void NotEstimated(ILogger log, Guid session, Exception why);

    [LoggerMessage(Level = LogLevel.Error, Message = "session {Session}: what is held could not be watched")]
    public static partial void NotWatched(ILogger log, Guid session, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "session {Session}: whether the backend is gone could not be checked")]
    public static partial void NotChecked(ILogger log, Guid session, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "no logins can be made in the group {Group}")]
    public static partial void NoLogins(ILogger log, string group, Exception why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the login {Role} cannot be dropped: it is tried again")]
    public static partial void NotDropped(ILogger log, string role, Exception why);

    [LoggerMessage(Level = LogLevel.Information, Message = "database {Database}: masks that nobody needs any more were taken down with their group {Group}; what kept them: {WhyNot}")]
    public static partial void MasksTakenDown(ILogger log, string database, string group, string? whyNot);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the masks of database {Database} cannot be looked at")]
    public static partial void MasksNotSeen(ILogger log, string database, Exception why);
}
