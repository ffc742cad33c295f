using System.Globalization;
using Microsoft.AspNetCore.WebUtilities;

namespace AccessPlane.ControlPlane.Console;

/// <summary>A ticket in the forms that clients want it, ready to be pasted. What is secured how is said by the ticket's own address.</summary>
public static class ConnectForms
{
    public static IReadOnlyList<(string Client, string Text)> Of(TicketShape ticket)
    {
        ArgumentNullException.ThrowIfNull(ticket);
        var query = QueryHelpers.ParseQuery(new Uri(ticket.Url).Query);
        var (ssl, binding) = (query.TryGetValue("sslmode", out var mode) ? mode.ToString() : null, query.TryGetValue("channel_binding", out var bound) ? bound.ToString() : null);
        return [("psql", $"psql {Shell(ticket.Url)}"), ("URL", ticket.Url), ("JDBC", Jdbc(ticket, ssl, binding)), (".NET", DotNet(ticket, ssl, binding))];
    }

    /// <summary>One word of a POSIX shell.</summary>
    private static string Shell(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static string Jdbc(TicketShape ticket, string? ssl, string? binding)
    {
        (string Name, string? Value)[] parts = [("user", ticket.Username), ("password", ticket.Password), ("sslmode", ssl), ("channelBinding", binding)];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return string.Create(CultureInfo.InvariantCulture, $"jdbc:postgresql://{Host(ticket)}:{ticket.Port}/{Uri.EscapeDataString(ticket.Database)}?{query}");
    }

    private static string DotNet(TicketShape ticket, string? ssl, string? binding)
    {
        (string Name, string? Value)[] parts =
        [
            ("Host", ticket.Host), ("Port", ticket.Port.ToString(CultureInfo.InvariantCulture)), ("Database", ticket.Database), ("Username", ticket.Username),
            ("Password", ticket.Password),
            ("SSL Mode", ssl switch { "verify-full" => "VerifyFull", "verify-ca" => "VerifyCA", "require" => "Require", _ => null }),
            ("Channel Binding", binding == "require" ? "Require" : null),
        ];
        return string.Join(';', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Quoted(p.Value!)}"));
    }

    /// <summary>A value of a connection string: quoted where it would end it, or begin a quotation.</summary>
    private static string Quoted(string value) =>
        value.AsSpan().ContainsAny(";'\"= ") ? $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : value;

    private static string Host(TicketShape ticket) => ticket.Host.Contains(':', StringComparison.Ordinal) ? $"[{ticket.Host}]" : ticket.Host;
}
