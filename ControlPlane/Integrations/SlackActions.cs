using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Notifications;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// Somebody pressed a button in Slack. That it was Slack that says so, its signature proves; who it was, Slack says, and the configuration says whom
/// that is. What they may, the decider says as it does by queue, and less than there: nothing that a token would have to tell is taken from Slack.
/// </summary>
internal sealed partial class SlackActions(
    IntegrationOptions options, TakeVouchedReview reviews, Once once, Poster poster, TimeProvider clock, ILogger<SlackActions> log)
{
    /// <summary>Slack shows an error to who pressed after three seconds.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly Uri Hooks = new("https://hooks.slack.com");
    private const int LongestSignature = 200;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/integrations/slack/actions", (HttpContext http, SlackActions actions) => actions.Take(http))
        .AllowAnonymous().ExcludeFromDescription();

    private async Task<IResult> Take(HttpContext http)
    {
        var cancel = http.RequestAborted;
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, cancel);
        var (timestamp, signature) = (http.Request.Headers["X-Slack-Request-Timestamp"].ToString(), http.Request.Headers["X-Slack-Signature"].ToString());
        if (SignedBy(timestamp, signature, body.ToArray()) is not { Count: > 0 } apps)
        {
            return Problems.Of("unauthenticated", "the signature is not one of a configured Slack app, or is older than five minutes");
        }
        var use = Ids.Derive(Ids.Named("slack-action", timestamp), signature);
        if (await once.Claim(use, SHA256.HashData(body.ToArray()), cancel) != OnceClaim.First)
        {
            return Problems.Of("unauthenticated", "this came before: it is not counted again");
        }
        if (SlackPress.Read(Encoding.UTF8.GetString(body.ToArray())) is not { } press)
        {
            return Results.Ok(); // a link was opened, or something else that is no decision
        }
        var destination = apps.FirstOrDefault(d => d.Key == press.Choice.To && press.Choice.IsOurs(SecretFiles.Read(d.Value.SigningSecretFile!))).Value;
        var (text, replaces) = await Decide(destination, press, new EventContext(Actor.System("slack"), http.Correlation()), Ids.Derive(use, "review"), cancel);
        await Answer(destination ?? apps[0].Value, press, text, replaces, cancel);
        return Results.Json(MessageOf(text, replaces), Json.Options);
    }

    /// <summary>All of them are looked at, whichever it is. One app may serve several: its signature does not say which, the button does.</summary>
    private List<KeyValuePair<string, DestinationOptions>> SignedBy(string timestamp, string signature, byte[] body)
    {
        List<KeyValuePair<string, DestinationOptions>> found = [];
        foreach (var candidate in options.Destinations.Where(d => d.Value is { What: DestinationKind.Slack, SigningSecretFile: not null } && signature.Length <= LongestSignature))
        {
            if (SlackSignature.IsGood(SecretFiles.Read(candidate.Value.SigningSecretFile!), timestamp, body, signature, clock.GetUtcNow()))
            {
                found.Add(candidate);
            }
        }
        return found;
    }

    /// <param name="destination">The one that the button was sent to; null where no button of ours was pressed.</param>
    private async Task<(string Text, bool Replaces)> Decide(DestinationOptions? destination, SlackPress press, EventContext context, Guid command, CancellationToken cancel)
    {
        if (destination is null)
        {
            LogForged(press.User);
            return ("this button is none of ours: what stands above it may be anybody's words. Decide in the console", false);
        }
        if (press.Team != destination.Team || !destination.People.TryGetValue(press.User, out var person))
        {
            LogStranger(press.User);
            return ("you are nobody whom this installation knows: decide in the console", false);
        }
        var reviewer = new Actor(
            person.Issuer, person.Subject, person.Name.Length > 0 ? person.Name : person.Subject, ActorKind.Person, [],
            new Dictionary<string, string> { ["slack_user"] = press.User, ["slack_team"] = press.Team }, []);
        var said = new SaidReview(press.Choice.Kind, press.Choice.Id, press.Choice.Version, press.Verdict, null);
        var outcome = await reviews.Handle(said, press.Choice.Seal, reviewer, context, command, cancel);
        return Tell(outcome, reviewer);
    }

    /// <summary>A message is replaced where nothing can be decided any more; somebody who may not decide takes it from nobody.</summary>
    private static (string Text, bool Replaces) Tell(ReviewOutcome outcome, Actor reviewer)
    {
        var state = outcome.State?.ToLowerInvariant();
        var isOpen = outcome.State is null or "Submitted" or "Waiting";
        return outcome switch
        {
            { Outcome: "accepted" } when isOpen => ($"{SlackText.Span(reviewer.Name)} has been counted; it still waits for others", false),
            { Outcome: "accepted" } => ($"{state} by {SlackText.Span(reviewer.Name)}", true),
            { Winning: { } winning } => ($"it came too late: it is {state}{By(winning)}", true),
            _ => ($"not taken: {Plainly(outcome.Detail ?? outcome.Code ?? "refused")}", false),
        };
    }

    private static string Plainly(string text) => SlackText.Span(text.Replace('`', '\''), 500);

    /// <summary>Who it was, as far as the answer says.</summary>
    private static string By(object winning)
    {
        var names = winning switch
        {
            Projections.RequestRow row => row.Steps.SelectMany(s => s.Reviews).Where(r => !r.Lapsed).Select(r => r.Reviewer.Display),
            Projections.HoldRow row => row.Reviews.Where(r => !r.Lapsed).Select(r => r.Reviewer.Display),
            _ => [],
        };
        var all = string.Join(" and ", names.Distinct().Take(5).Select(n => SlackText.Span(n)));
        return all.Length == 0 ? "" : $" by {all}";
    }

    private static JsonObject MessageOf(string text, bool replaces) => replaces
        ? new JsonObject { ["replace_original"] = true, ["text"] = text }
        : new JsonObject { ["response_type"] = "ephemeral", ["replace_original"] = false, ["text"] = text };

    /// <summary>Only to where our messages go: the address comes from outside.</summary>
    private async Task Answer(DestinationOptions destination, SlackPress press, string text, bool replaces, CancellationToken cancel)
    {
        // a bot's messages go to one host of Slack's, and the answers to buttons under them to another
        Uri[] theirs = destination.IsBot ? [destination.Address, Hooks] : [destination.Address];
        if (!Uri.TryCreate(press.ResponseUrl, UriKind.Absolute, out var to) || to.UserInfo.Length > 0 || !theirs.Any(t => to.Scheme == t.Scheme && to.Authority == t.Authority))
        {
            return;
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        try
        {
            var answered = await poster.Post(to, SlackChannel.MediaType, JsonSerializer.SerializeToUtf8Bytes(MessageOf(text, replaces), Json.Options), [], limit.Token);
            if (answered.Failure is { } why)
            {
                LogNotTold(why);
            }
        }
        // what was decided is decided, whether or not the message changes
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            LogNotTold(failure.GetType().Name);
        }
    }

    [LoggerMessage(LogLevel.Warning, "somebody who is not configured pressed a button in Slack: user `{User}`")]
    private partial void LogStranger(string user);

    [LoggerMessage(LogLevel.Warning, "a button that is none of ours was pressed in Slack by user `{User}`: somebody posts in our name")]
    private partial void LogForged(string user);

    [LoggerMessage(LogLevel.Warning, "a message in Slack could not be replaced: {Why}")]
    private partial void LogNotTold(string why);
}
