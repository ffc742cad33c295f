using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Keys;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Agents;

public sealed record EnrolmentOrder(string Agent, EnrolmentAsk Ask, DateTimeOffset Now);

/// <summary>An agent exchanges its one-time token for a broker user of its own and the keys to believe. Anonymous: the token is the proof.</summary>
public static class EnrolAgent
{
    private const int LongestKey = 256;

    public static Outcome Decide(Agent state, EnrolmentOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (state is not Agent.Invited { Invitation: var invitation } ||
            !CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(invitation.TokenHash), Encoding.ASCII.GetBytes(InviteAgent.HashOf(order.Ask.Token))) ||
            order.Now >= invitation.ExpiresAt)
        {
            // one answer for all: who holds no valid token learns nothing about which agents there are
            return Outcome.Refuse("enrolment-refused", "the enrolment token is not valid for this agent, was used, or has expired: invite the agent again");
        }
        if (!IsKey(order.Ask.PublicKey))
        {
            return Invalid("publicKey", "an ECDSA P-256 public key is needed, as base64 of its SubjectPublicKeyInfo");
        }
        if (order.Ask.Endpoints.Any(e => e is null))
        {
            return Invalid("endpoints", "each endpoint needs a resource, a host and a port");
        }
        var served = order.Ask.Endpoints.Select(e => e.Resource).ToList();
        if (served.Count == 0 || served.Except(invitation.Resources).FirstOrDefault() is { })
        {
            return Invalid("endpoints", $"the agent was invited for {string.Join(", ", invitation.Resources.Select(r => $"`{r}`"))} and offers {string.Join(", ", served.Select(r => $"`{r}`"))}");
        }
        // it becomes part of addresses that people copy
        return order.Ask.Endpoints.All(e => e.Host.Length <= 255 && Ascii.IsValid(e.Host) && Uri.CheckHostName(e.Host) is not UriHostNameType.Unknown && e.Port is > 0 and <= 65535)
            ? Outcome.Of(new AgentEnrolled(order.Agent, [.. served.Distinct()], order.Ask.PublicKey, order.Ask.Endpoints))
            : Invalid("endpoints", "each endpoint needs a host, by name or address, and a port");
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/agents/{id}/enrol", Handle).AllowAnonymous()
        .WithSummary("Enrol an agent with its one-time token")
        .Produces<Enrolment>();

    private static async Task<IResult> Handle(
        string id, EnrolmentAsk body, Handle handle, Enrolments enrolments, TimeProvider clock, CancellationToken cancel)
    {
        var order = new EnrolmentOrder(id, body, clock.GetUtcNow());
        var (state, _) = await handle.Load(Ids.Agent(id), Agent.StreamType, Agent.Initial, Agent.Evolve, cancel);
        if (Decide(state, order) is Outcome.Refused { Refusal: var early })
        {
            return Problems.Of(early);
        }
        // the broker first: it can be asked again, the token cannot. Whoever races with the same token gets the same user.
        var answer = await enrolments.Prepare(id, ((Agent.Invited)state).Invitation.TokenHash, cancel);
        var handled = await handle.Run(
            new Handling<Agent>(
                Ids.Agent(id), Agent.StreamType, Agent.Initial, Agent.Evolve, s => Decide(s, order),
                new EventContext(Actor.System($"agent {id}"), Guid.CreateVersion7(order.Now))),
            cancel);
        return handled.Refusal is { } refusal ? Problems.Of(refusal) : Results.Ok(answer);
    }

    internal static bool IsKey(string text)
    {
        Span<byte> bytes = stackalloc byte[LongestKey];
        if (text is not { Length: <= LongestKey } || !Convert.TryFromBase64String(text, bytes, out var length))
        {
            return false;
        }
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(bytes[..length], out var read);
            return read == length && key.ExportParameters(false).Curve.Oid.Value == "1.2.840.10045.3.1.7";
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static Outcome.Refused Invalid(string field, string detail) =>
        new(new Refusal("invalid", detail) { Errors = new Dictionary<string, string[]> { [field] = [detail] } });
}

/// <summary>What an enrolled agent is given.</summary>
public sealed class Enrolments(BrokerAdmin broker, SigningKeys keys, IOptions<BrokerOptions> options, LogHistories histories, AgentTable table)
{
    public async Task<Enrolment> Prepare(string agent, string tokenHash, CancellationToken cancel)
    {
        var (user, password) = ($"agent-{agent}", keys.Derive($"broker-user\n{agent}\n{tokenHash}"));
        await table.Forget(agent, cancel);
        await broker.CreateAgent(agent, user, password, cancel);
        return new Enrolment(agent, options.Value.AgentUri, user, password, keys.SigningPublicKey, keys.EncryptionPublicKey, (await histories.Current(cancel)).Epoch);
    }
}
