using AccessPlane.Cli.Grants;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Access;

/// <summary>A grant that lets one in: one that is held already, or one that is asked for and waited for.</summary>
/// <param name="Asked">It was asked for here, and so it is given back here.</param>
internal sealed record Obtained(Guid Grant, bool Asked);

internal static class Obtain
{
    private const int MostGrants = 200;

    /// <summary>A live grant if there is one, otherwise one is asked for.</summary>
    public static async Task<GrantShape> Held(Call call, Wanted wanted) =>
        call.Value(wanted.Grant) is null && await Live(call, wanted) is { } live ? live : await Read(call, (await Own(call, wanted, keeps: true)).Grant);

    /// <summary>One that nobody else uses; or the one that was named.</summary>
    /// <param name="keeps">Whether a request stays that nobody decided within `--wait-at-most`.</param>
    public static async Task<Obtained> Own(Call call, Wanted wanted, bool keeps)
    {
        if (call.Value(wanted.Grant) is { } named)
        {
            return new Obtained(await Named.Of(call, $"{ListGrants.Path}?mine=true", "grant", named), false);
        }
        var offer = await Offer(call, wanted);
        var request = await Approval.Ask(call, offer.Id, wanted.Terms, keeps);
        if (request.Value.Notice is { } notice)
        {
            call.Screen.Say($"note: {notice}");
        }
        return request.Value is { State: "Approved", GrantId: { } grant } ? new Obtained(grant, true) : throw Approval.Unapproved(request.Value);
    }

    public static async Task<GrantShape> Read(Call call, Guid id) => (await call.Api.Get<GrantShape>($"{ListGrants.Path}/{id:D}", call.Cancel)).Value;

    /// <summary>The one with the most time left. One that somebody holds in my name is theirs, not mine.</summary>
    private static async Task<GrantShape?> Live(Call call, Wanted wanted)
    {
        var (resource, entitlement) = (call.Value(wanted.Resource), call.Value(wanted.Entitlement));
        var listed = await call.Api.List<GrantShape>(Limit.Query(ListGrants.Path, ("mine", "true"), ("resource", resource)), MostGrants, call.Cancel);
        var live = listed.Value.Items.Where(g => g.IsOpen && g.Holder.Act.Count == 0 && (entitlement is null || g.Entitlement == entitlement)).OrderByDescending(g => g.Until).ToList();
        if (entitlement is null && live.Select(g => g.Entitlement).Distinct().Count() > 1)
        {
            throw new StopException(
                Exit.Usage, $"you hold grants of several entitlements on `{resource}`: {string.Join(", ", live.Select(g => $"`{g.Entitlement}`").Distinct())}",
                "name one with `--entitlement`, or a grant with `--grant`");
        }
        return live.FirstOrDefault();
    }

    private static async Task<OfferShape> Offer(Call call, Wanted wanted)
    {
        var (id, named) = (call.Value(wanted.Resource), call.Value(wanted.Entitlement));
        var resources = (await call.Api.Get<ResourcesShape>("/v1/resources", call.Cancel)).Value.Items;
        var resource = resources.FirstOrDefault(r => r.Id == id)
            ?? throw new StopException(
                Exit.NotFound, $"there is no resource `{id}` for you",
                resources.Count == 0 ? "there is nothing you may ask for" : $"you may ask for {string.Join(", ", resources.Select(r => $"`{r.Id}`"))}");
        if (named is not null)
        {
            return resource.Entitlements.FirstOrDefault(e => e.Id == named)
                ?? throw new StopException(Exit.NotFound, $"there is no entitlement `{named}` on `{id}` for you", Choices(resource.Entitlements));
        }
        // what is used in an emergency is named, and never the default
        return resource.Entitlements.Where(e => !e.BreakGlass).ToList() switch
        {
            [var only] => only,
            [] => throw new StopException(Exit.Refused, $"there is nothing you may ask for on `{id}` but in an emergency", Choices(resource.Entitlements)),
            var several => throw new StopException(Exit.Usage, $"several things may be asked for on `{id}`", Choices(several)),
        };
    }

    private static string Choices(IReadOnlyList<OfferShape> offers) => offers.Count == 0 ? "there is nothing you may ask for on it"
        : $"name one with `--entitlement`: {string.Join("; ", offers.Select(o => $"`{o.Id}` ({(o.Automatic ? "at once" : Words.Of(o.Steps))})"))}";
}
