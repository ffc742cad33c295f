using System.Threading.Channels;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Clients that wait at an agent with a token and no grant: the token is validated here once more, and what follows is told to the agent. Asks
/// live in memory: one that is lost with the process is a login that times out, and changes nothing.
/// </summary>
public sealed partial class LoginDesk(
    SigningKeys keys, TokenValidator tokens, ImplicitLogin implicitLogin, AgentStateBuilder states, AgentLine line, TimeProvider clock,
    IConfiguration configuration, ILogger<LoginDesk> logger) : BackgroundService
{
    private const int AtOnce = 8;
    private const int Most = 1_000;
    private readonly Channel<(string Agent, LoginAsk Ask)> asks =
        Channel.CreateBounded<(string, LoginAsk)>(new BoundedChannelOptions(Most) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Queue(string agent, LoginAsk ask) => asks.Writer.TryWrite((agent, ask));

    /// <summary>What the sealed token is bound to, as the agent bound it.</summary>
    public static string ContextOf(string agent, Guid ask) => $"login\n{agent}\n{ask:D}";

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Parallel.ForEachAsync(
        asks.Reader.ReadAllAsync(stoppingToken),
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken },
        async (asked, cancel) =>
        {
            try
            {
                var answer = await Answer(asked.Agent, asked.Ask, cancel);
                await line.Answer(asked.Agent, (await states.Current(cancel)).Position, DirectiveKinds.LoginAnswer, answer, cancel);
            }
            catch (Exception failed) when (!cancel.IsCancellationRequested)
            {
                LogFailed(asked.Agent, failed);
            }
        });

    internal async Task<LoginAnswer> Answer(string agent, LoginAsk ask, CancellationToken cancel)
    {
        var known = await states.Current(cancel);
        if (!known.Agents.TryGetValue(agent, out var enrolled) || !enrolled.Resources.Contains(ask.Resource))
        {
            return Refused(ask, $"the agent does not serve `{ask.Resource}`");
        }
        if (keys.Open(ask.Token, ContextOf(agent, ask.Ask)) is not { } token)
        {
            return Refused(ask, "the token did not arrive whole");
        }
        var verdict = await tokens.Validate(token, TokenUse.Access, cancel);
        if (verdict.Token is not { } valid)
        {
            return Refused(ask, verdict.Refusal?.Detail ?? "the token is not valid");
        }
        var context = new EventContext(valid.Actor, Guid.CreateVersion7(clock.GetUtcNow()), ask.Ask);
        var outcome = await implicitLogin.Handle(valid.Actor, ask.Resource, ask.Name, context, cancel);
        var link = outcome.Request is { } request && configuration["PublicUrl"] is { Length: > 0 } url ? $"{url.TrimEnd('/')}/v1/requests/{request:D}" : null;
        return new LoginAnswer(ask.Ask, outcome.State, outcome.Grant, outcome.Request, outcome.Detail, link);
    }

    private static LoginAnswer Refused(LoginAsk ask, string why) => new(ask.Ask, "refused", null, null, why, null);

    [LoggerMessage(Level = LogLevel.Error, Message = "a login at agent `{Agent}` could not be answered")]
    private partial void LogFailed(string agent, Exception exception);
}
