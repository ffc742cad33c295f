using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Grants beside the agent's own, sessions of theirs, and what the record says of them.</summary>
internal static class WireSessions
{
    /// <returns>What is in force from here on: like the agent's own, but for what is changed.</returns>
    public static GrantLease Granted(this WireAgent agent, Func<GrantLease, GrantLease>? change = null)
    {
        var like = agent.Grant with { Grant = Guid.CreateVersion7() };
        var grant = change is null ? like : change(like);
        agent.Apply(grant);
        return grant;
    }

    /// <summary>A raw client that has logged in by a ticket of this grant.</summary>
    public static async Task<RawClient> ConnectBy(this WireAgent agent, GrantLease grant)
    {
        var (user, password) = agent.Ticket(grant: grant.Grant);
        var client = await RawClient.Dial(agent.Port);
        await client.Login(user, password, ("database", agent.Database));
        return client;
    }

    public static TranscriptEntry[] Entries(this WireAgent agent) =>
        [.. agent.Transcript().Select(line => JsonSerializer.Deserialize<TranscriptEntry>(line, Json.Strict)!)];
}
