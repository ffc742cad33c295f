using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// A statement that waits for people, in a session of its own. It adds one row to a table that takes any number of equal ones: how often it ran is the server's
/// own count.
/// </summary>
internal sealed partial class Parked : IAsyncDisposable
{
    /// <summary>By what it is held, for the policy document.</summary>
    public const string Guardrail = """

        guardrails:
          - { id: waits, resource: orders, match: { relations: [waits], access: write }, effect: hold, hold: { from: { groups: [dba] }, count: 1, timeout: TIMEOUT } }
        """;

    private readonly Product product;
    private readonly NpgsqlConnection session;
    private readonly NpgsqlCommand command;
    private readonly TaskCompletionSource<Guid> held = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Parked(Product product, NpgsqlConnection session, string sql)
    {
        (this.product, this.session) = (product, session);
        command = new NpgsqlCommand(sql, session);
        session.Notice += (_, e) =>
        {
            SecretSweep.OfTheRun.Hears("what a client was told", e.Notice.MessageText);
            if (InNotice().Match(e.Notice.MessageText) is { Success: true } found)
            {
                held.TrySetResult(Guid.Parse(found.Groups[1].Value));
            }
        };
    }

    public Guid Id { get; private set; }
    public string Text => command.CommandText;

    /// <summary>What its client waits for.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    /// <summary>Held at the agent, and known to the log.</summary>
    /// <param name="session">Is ended with it.</param>
    public static async Task<Parked> In(NpgsqlConnection session, Product product)
    {
        var parked = new Parked(product, session, $"INSERT INTO waits VALUES ({product.NextNumber()})");
        parked.Running = parked.command.ExecuteNonQueryAsync();
        parked.Id = await parked.held.Task.WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience));
        await Wait.Until(async () => await parked.Ended() is not null, 20, () => "the log does not hear of it");
        return parked;
    }

    /// <summary>How often the server has run it.</summary>
    public Task<long> Runs() => product.Ask<long>($"SELECT count(*) FROM waits WHERE n = {Text.Split('(', ')')[1]}");

    /// <summary>What the log says that became of it, last: `operation_held` while it waits. Null where it knows nothing of it.</summary>
    public async Task<string?> Ended()
    {
        var types = await product.AskLog<string[]>($"SELECT coalesce(array_agg(type ORDER BY version), '{{}}') FROM accessplane.mt_events WHERE stream_id = '{Id}' AND type <> 'hold_review_given'");
        return types.LastOrDefault();
    }

    public void Cancel() => command.Cancel();

    public async Task<Answer> Approve(string who, string key) =>
        await product.Plane.Api.Post(who, $"/v1/holds/{Id}/reviews", new { verdict = "approve" }, key);

    public async ValueTask DisposeAsync()
    {
        await command.DisposeAsync();
        await session.DisposeAsync();
    }

    [GeneratedRegex("hold ([0-9a-f-]{36})$")]
    private static partial Regex InNotice();
}
