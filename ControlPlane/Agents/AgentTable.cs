using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using Npgsql;
using NpgsqlTypes;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>What is known of an agent's progress.</summary>
/// <param name="Head">Position of the last directive that was sent to it, or of the last state.</param>
/// <param name="Applied">Position up to which it said that everything is in force.</param>
/// <param name="LeaseAt">When its last liveness lease was answered, by the control plane's clock.</param>
/// <param name="Condition">What it said of itself then.</param>
public sealed record AgentProgress(string Agent, long Head, long Applied, DateTimeOffset? LeaseAt, AgentCondition? Condition = null)
{
    /// <summary>Until when at worst the agent forwards without hearing of a revocation; null where it never had a lease.</summary>
    public DateTimeOffset? LeaseEndsAt(TimeSpan freezeAfter) => LeaseAt + freezeAfter;
}

/// <summary>Operational facts of agents, beside the log. Losing the table costs a catch-up of every agent and nothing else.</summary>
public sealed class AgentTable(NpgsqlDataSource database)
{
    public const string Channel = "accessplane_agents";

    /// <summary>No agent can be called so.</summary>
    private const string Everyone = "*";

    /// <summary>A state was told, that covers all up to here. The head only moves forward.</summary>
    public Task MoveHead(string agent, long position, CancellationToken cancel) => MoveHead(agent, position, "head", cancel);

    /// <summary>What the log holds for an agent was sent to it, up to here.</summary>
    // INVARIANT: whoever sends stores its checkpoint after this; where a crash of the database takes the head, it takes the checkpoint, and all is sent again
    public Task Sent(string agent, long position, CancellationToken cancel) => MoveHead(agent, position, Schema.Unawaited, cancel);

    /// <summary>Everything that the log holds up to here was sent to the agents that it concerns.</summary>
    public Task Published(long position, CancellationToken cancel) => Sent(Everyone, position, cancel);

    private async Task MoveHead(string agent, long position, string returning, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"""
            insert into accessplane.agent_progress as p (agent, head) values ($1, $2)
            on conflict (agent) do update set head = greatest(p.head, excluded.head) returning {returning}
            """);
        command.Parameters.AddWithValue(agent);
        command.Parameters.AddWithValue(position);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>How far the sending is, and one agent's head, as of one moment.</summary>
    public async Task<Heads> Heads(string agent, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            select coalesce((select head from accessplane.agent_progress where agent = $1), 0), coalesce((select head from accessplane.agent_progress where agent = $2), 0),
                (select oid from pg_database where datname = current_database())::text || '/' || extract(epoch from pg_postmaster_start_time())::text
            """);
        command.Parameters.AddWithValue(Everyone);
        command.Parameters.AddWithValue(agent);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new Heads(reader.GetInt64(0), reader.GetInt64(1), reader.GetString(2));
    }

    public async Task Acknowledge(string agent, long position, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"""
            with moved as (
                insert into accessplane.agent_progress as p (agent, applied) values ($1, $2)
                on conflict (agent) do update set applied = greatest(p.applied, excluded.applied) returning agent)
            select pg_notify('{Channel}', agent), {Schema.Unawaited} from moved
            """);
        command.Parameters.AddWithValue(agent);
        command.Parameters.AddWithValue(position);
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task LeaseAnswered(string agent, DateTimeOffset at, AgentCondition? condition, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"update accessplane.agent_progress set lease_at = $2, condition = $3 where agent = $1 returning {Schema.Unawaited}");
        command.Parameters.AddWithValue(agent);
        command.Parameters.AddWithValue(at.UtcDateTime);
        command.Parameters.AddWithValue(NpgsqlDbType.Jsonb, condition is null ? DBNull.Value : JsonSerializer.Serialize(condition, Json.Options));
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Which process of an agent has its lease.</summary>
    public async Task<LeaseOwner> Owner(string agent, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("select lease_owner::text from accessplane.agent_progress where agent = $1");
        command.Parameters.AddWithValue(agent);
        return await command.ExecuteScalarAsync(cancel) is string text ? JsonSerializer.Deserialize<LeaseOwner>(text, Json.Options)! : new LeaseOwner();
    }

    /// <returns>False where another replica was first.</returns>
    public async Task<bool> Own(string agent, LeaseOwner before, LeaseOwner after, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            """
            insert into accessplane.agent_progress as p (agent, lease_owner) values ($1, $3::jsonb)
            on conflict (agent) do update set lease_owner = excluded.lease_owner where coalesce(p.lease_owner, '{}') = $2::jsonb
            """);
        command.Parameters.AddWithValue(agent);
        command.Parameters.AddWithValue(before.Instance is null ? "{}" : JsonSerializer.Serialize(before, Json.Options));
        command.Parameters.AddWithValue(JsonSerializer.Serialize(after, Json.Options));
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>An agent that enrols anew has applied nothing and holds no lease.</summary>
    public async Task Forget(string agent, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("update accessplane.agent_progress set applied = 0, lease_at = null, lease_owner = null, condition = null where agent = $1");
        command.Parameters.AddWithValue(agent);
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task<IReadOnlyDictionary<string, AgentProgress>> All(CancellationToken cancel)
    {
        await using var command = database.CreateCommand("select agent, head, applied, lease_at, condition::text from accessplane.agent_progress where agent <> $1");
        command.Parameters.AddWithValue(Everyone);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var all = new Dictionary<string, AgentProgress>(StringComparer.Ordinal);
        while (await reader.ReadAsync(cancel))
        {
            var agent = reader.GetString(0);
            DateTimeOffset? lease = await reader.IsDBNullAsync(3, cancel) ? null : new DateTimeOffset(reader.GetDateTime(3), TimeSpan.Zero);
            var condition = await reader.IsDBNullAsync(4, cancel) ? null : JsonSerializer.Deserialize<AgentCondition>(reader.GetString(4), Json.Options);
            all[agent] = new AgentProgress(agent, reader.GetInt64(1), reader.GetInt64(2), lease, condition);
        }
        return all;
    }
}

/// <param name="Published">Up to where everything was sent to the agents that it concerns.</param>
/// <param name="Head">One agent's.</param>
/// <param name="Server">Tells the database, and the run of its server, from any other.</param>
public readonly record struct Heads(long Published, long Head, string Server);
