using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Tries a policy document against what was recorded: what would have been ruled otherwise. Changes nothing.</summary>
public sealed class WhatIf(WhatIfReplay replay, ReadBarrier barrier, TimeProvider clock)
{
    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/policies/what-if", (HttpContext http, WhatIf what, CancellationToken cancel) => what.Answer(http, cancel))
        .TakesQuery("from", "to", "resource")
        .WithName("TryPolicy").WithTags("Policies").WithSummary("What a policy document (application/yaml) would have ruled otherwise")
        .WithDescription(
            "Judges the recorded operations from `from` to `to` (default: the last 30 days), of `resource` where it is given, by the document and by the policy that " +
            "was in force, with the facts, the holders and the grants' scopes of then; who may ask for what is not tried. The answer is a stream of lines " +
            "(application/x-ndjson): `{\"progress\":{\"part\":0.4,\"operations\":41230}}` as it goes, and one `{\"result\":{…}}` at the end. An answer without a result is " +
            "not complete. For admins and auditors.")
        .WithMetadata(PolicyBody.Accepted)
        .Produces<WhatIfLine>(StatusCodes.Status200OK, SessionStreams.Ndjson);

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        var caller = http.Caller();
        if (!caller.IsAdmin && !caller.IsAuditor)
        {
            return Http.Problems.Of("auditors-only", "trying a policy on what was recorded is for admins and auditors");
        }
        var ask = new ListQuery(http);
        var to = ask.Time("to") ?? clock.GetUtcNow();
        var from = ask.Time("from") ?? to - Month;
        if (from >= to)
        {
            ask.Wrong("from", "must be before `to`", 0);
        }
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        var (text, unreadable) = await PolicyBody.Read(http, cancel);
        if (text is null)
        {
            return Http.Problems.Of(unreadable!);
        }
        var reading = PolicyYaml.Read(text);
        if (reading.Model is not { } model)
        {
            return PublishPolicy.Invalid(reading, "was not tried");
        }
        await barrier.CaughtUp(replay.Reads, cancel);
        return Results.Stream(body => Write(body, new WhatIfAsk(new PublishedPolicy(0, "", model), from, to, ask.Text("resource")), cancel), SessionStreams.Ndjson);
    }

    private async Task Write(Stream body, WhatIfAsk ask, CancellationToken cancel)
    {
        await foreach (var line in replay.Run(ask, cancel))
        {
            await JsonSerializer.SerializeAsync(body, line, Json.Options, cancel);
            await body.WriteAsync("\n"u8.ToArray(), cancel);
            await body.FlushAsync(cancel);
        }
    }
}

/// <summary>A line of the answer: one of the two.</summary>
public sealed record WhatIfLine(WhatIfProgress? Progress = null, WhatIfResult? Result = null);

/// <param name="Part">Of the period, from 0 to 1.</param>
/// <param name="Operations">Looked at so far.</param>
public sealed record WhatIfProgress(double Part, long Operations);

/// <param name="Operations">Recorded in the period.</param>
/// <param name="Judged">Of these, how many could be judged again: the others were refused without a rule being asked, or their facts were not kept.</param>
/// <param name="Distinct">How many different things there were to judge.</param>
/// <param name="Changed">Operations that would have been ruled otherwise, each counted once.</param>
/// <param name="Changes">What would have changed, by actor and rule, the most frequent first; up to a thousand.</param>
/// <param name="ChangesLeftOut">How many more of these there are.</param>
public sealed record WhatIfResult(
    DateTimeOffset From, DateTimeOffset To, string? Resource, long Operations, long Judged, long Distinct, long Changed, IReadOnlyList<WhatIfChange> Changes,
    int ChangesLeftOut = 0);

/// <summary>Operations of one actor that one rule would have decided otherwise.</summary>
/// <param name="Kind">An operation may stand under two, such as denied before and held now.</param>
/// <param name="Rule">Of the document where something is gained or denied, of the policy of then where it is lost.</param>
/// <param name="Examples">Up to three.</param>
public sealed record WhatIfChange(
    WhatIfKind Kind, string Actor, string Rule, string Resource, long Operations, IReadOnlyList<WhatIfExample> Examples);

public enum WhatIfKind { AllowToDeny, DenyToAllow, HoldGained, HoldLost, MaskGained, MaskLost }

public sealed record WhatIfExample(Guid Session, long Op, DateTimeOffset At, string Text);

/// <param name="Candidate">The document, as if it had been published.</param>
public sealed record WhatIfAsk(PublishedPolicy Candidate, DateTimeOffset From, DateTimeOffset To, string? Resource)
{
    /// <summary>Times in rows are text of one form, so that they compare as text.</summary>
    public static string Stamp(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);
}
