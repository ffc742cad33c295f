using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Access;

/// <summary>A ticket under a grant, and what libpq wants of it. It goes by the environment: command lines can be read by anybody on the machine.</summary>
internal static class Ticket
{
    private const int Attempts = 5;

    /// <summary>What would have libpq go elsewhere than the ticket says, or with other credentials.</summary>
    public static IReadOnlyList<string> Misleading { get; } = ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGREQUIREAUTH", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS"];

    public static async Task<Answer<TicketShape>> Take(Call call, GrantShape grant, int connections, string? database)
    {
        if (database is null && grant.Scope.Databases.Count != 1)
        {
            throw new StopException(
                Exit.Usage, $"grant {Named.Short(grant.Id)} is for {(grant.Scope.Databases.Count == 0 ? "any database" : string.Join(", ", grant.Scope.Databases.Select(d => $"`{d}`")))}",
                "name one with `--database`");
        }
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call.Api.Post<TicketShape>($"/v1/grants/{grant.Id:D}/tickets", new { connections, database }, call.Cancel);
            }
            // the first attempt's secret was told to nobody: only another ticket helps
            catch (StopException stop) when (attempt < Attempts && stop.Code is "agent-not-reached" or "ticket-already-issued")
            {
                call.Screen.Say($"no agent has taken the ticket yet, trying again: {stop.Message}");
            }
        }
    }

    public static IReadOnlyDictionary<string, string> Environment(TicketShape ticket)
    {
        var environment = new Dictionary<string, string>
        {
            ["PGHOST"] = ticket.Host,
            ["PGPORT"] = ticket.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["PGUSER"] = ticket.Username,
            ["PGPASSWORD"] = ticket.Password,
            ["PGDATABASE"] = ticket.Database,
        };
        foreach (var (name, value) in Query(ticket.Url))
        {
            if (name is "sslmode" or "channel_binding")
            {
                environment[name == "sslmode" ? "PGSSLMODE" : "PGCHANNELBINDING"] = value;
            }
        }
        return environment;
    }

    private static IEnumerable<(string Name, string Value)> Query(string url) =>
        from part in (url.IndexOf('?', StringComparison.Ordinal) is > 0 and var at ? url[(at + 1)..] : "").Split('&', StringSplitOptions.RemoveEmptyEntries)
        let sign = part.IndexOf('=', StringComparison.Ordinal)
        where sign > 0
        select (part[..sign], Uri.UnescapeDataString(part[(sign + 1)..]));
}
