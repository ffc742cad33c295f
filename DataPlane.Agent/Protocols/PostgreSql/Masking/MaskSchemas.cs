using System.Collections.Frozen;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// The masks of a database as PostgreSQL itself enforces them: makes them, keeps them as they have to be, looks for ways around them, and takes down those
/// that nobody uses. Everything happens over a connection of the agent's own, one change at a time in a database whoever makes it.
/// </summary>
/// <param name="agent">The agent's id, and the resource's: marks say who wrote them.</param>
internal sealed class MaskSchemas(string agent, string resource, TimeProvider time)
{
    private const int Tries = 5;

    /// <summary>A mark this old is written anew when the masks are needed.</summary>
    private static readonly TimeSpan Marked = TimeSpan.FromHours(1);

    /// <summary>What was not needed for so long is not needed by any agent that shares it: each would have written its mark anew.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromHours(3);

    /// <summary>Others that change the same at this moment: what they did is looked at, and done again where it is not enough.</summary>
    private static readonly FrozenSet<string> Collisions = FrozenSet.Create(StringComparer.Ordinal, "23505", "42710", "42P06", "42P07", "40001", "40P01", "XX000", "42704", "42P01");

    /// <summary>Makes sure that masks are there and hold.</summary>
    /// <param name="rules">Those that apply to the person.</param>
    /// <param name="login">Null bounds nothing: whatever the agent's own role may.</param>
    /// <param name="mayApply">Changes may be made; without it they are only shown.</param>
    /// <returns>Never fails over what the agent's role may not do, or over what is in the database: that is said.</returns>
    /// <exception cref="IOException">The database is gone.</exception>
    public async Task<MaskOutcome> Ready(PgQueries own, IReadOnlyList<MaskRule> rules, LoginTerms? login, bool mayApply, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(own);
        for (var tries = 1; ; tries++)
        {
            var seen = await Look(own, rules, login, cancel);
            if (!mayApply || seen.Design.Unavailable is not null || (seen.Changes.IsEmpty && IsMarked(seen)))
            {
                return seen.Outcome(mayApply);
            }
            try
            {
                await Apply(own, rules, login, cancel);
            }
            catch (PgQueryFailed failed) when (tries < Tries && Collisions.Contains(failed.Code))
            {
                continue;
            }
            catch (PgQueryFailed failed)
            {
                return seen.Outcome(mayApply) with { Unavailable = $"the database refused to make the masks: {failed.Message}" };
            }
            if (tries == Tries)
            {
                return seen.Outcome(mayApply) with { Unavailable = "the masks do not stay as they are made: somebody else changes them, or granted what the agent's role cannot revoke" };
            }
        }
    }

    private bool IsMarked(Seen seen) =>
        MaskMark.Of(seen.Ground.Made.Mark) is { } mark && mark.Database == seen.Ground.Agent.Database && time.GetUtcNow() - mark.Used < Marked;

    private static async Task<Seen> Look(PgQueries own, IReadOnlyList<MaskRule> rules, LoginTerms? login, CancellationToken cancel)
    {
        await own.Rows(MaskGroundSql.Begin, cancel);
        try
        {
            return await LookInside(own, rules, login, cancel);
        }
        finally
        {
            await own.Rows("rollback", cancel);
        }
    }

    private static async Task<Seen> LookInside(PgQueries own, IReadOnlyList<MaskRule> rules, LoginTerms? login, CancellationToken cancel)
    {
        var ground = await MaskGroundReader.Read(own, login?.MemberOf ?? [], a => MaskName.Of(a.Database, a.Role, rules, login), cancel);
        var design = MaskDesigner.Design(ground, MaskName.Of(ground.Agent.Database, ground.Agent.Role, rules, login), rules, login);
        var changes = MaskChanges.Between(ground, design);
        var plan = MaskingState.PlanOf(MaskChanges.FromNothing(ground, design).Sql);
        var findings = design.Unavailable is null ? await MaskClosure.Check(own, ground, design, cancel) : [];
        return new Seen(ground, design, changes, plan, [.. findings, .. design.Findings]);
    }

    /// <summary>Takes down what was made for rules and terms that nobody asks for any more: groups without members that were not needed for long, by whichever
    /// agent: one that is gone for good takes down nothing, and one that is there has logins in them, or makes them again when it needs them.</summary>
    /// <param name="inUse">Groups that stay whatever their age.</param>
    /// <returns>Each group that was tried, with why it could not go; null where it went.</returns>
    /// <exception cref="IOException">The database is gone.</exception>
    public async Task<IReadOnlyList<(string Group, string? WhyNot)>> Collect(PgQueries own, IReadOnlyCollection<string> inUse, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(own);
        return await Alone(own, async () =>
        {
            var tried = new List<(string, string?)>();
            foreach (var row in await own.Rows(MaskGroundSql.Groups, cancel))
            {
                if (!inUse.Contains(row[0]!) && MaskMark.Of(row[1]) is { } mark && mark.Database == row[2] &&
                    time.GetUtcNow() - mark.Used > Kept)
                {
                    tried.Add((row[0]!, await TakeDown(own, new MaskName(row[0]![MaskSql.GroupPrefix.Length..]), cancel)));
                }
            }
            return tried;
        }, cancel);
    }

    private static async Task<string?> TakeDown(PgQueries own, MaskName name, CancellationToken cancel)
    {
        await own.Rows(MaskGroundSql.Begin, cancel);
        try
        {
            await own.Rows($"{MaskGroundSql.Plain}; set local lock_timeout = '5s'", cancel);
            await own.Rows(MaskChanges.Away(await MaskGroundReader.Made(own, name, cancel), name).Sql, cancel);
            var needed = (await own.Rows(MaskGroundSql.Behind, cancel)).Select(r => MaskSql.Name(r[0]!, r[1]!)).ToHashSet();
            foreach (var right in (await MaskGroundReader.Rights(own, MaskSql.Owner, cancel)).Where(r => r.On == "table" && !r.IsOnMask && !needed.Contains(r.Object)))
            {
                await own.Rows(right.Revoke(MaskSql.Owner), cancel);
            }
            await own.Rows($"drop role {MaskSql.Name(name.Group)}; commit", cancel);
            return null;
        }
        catch (PgQueryFailed failed)
        {
            return failed.Message;
        }
        finally
        {
            await own.Rows("rollback", cancel);
        }
    }

    private Task<bool> Apply(PgQueries own, IReadOnlyList<MaskRule> rules, LoginTerms? login, CancellationToken cancel) => Alone(own, async () =>
    {
        await own.Rows(MaskGroundSql.Begin, cancel);
        try
        {
            var seen = await LookInside(own, rules, login, cancel);
            if (seen.Design.Unavailable is null)
            {
                await own.Rows("set local lock_timeout = '5s'", cancel);
                await own.Rows(seen.Changes.Sql, cancel);
                var made = await MaskGroundReader.Made(own, seen.Design.Name, cancel);
                await own.Rows(MaskChanges.AsOwner(MaskChanges.Seals(made.Views)), cancel);
                await own.Rows(MaskMark.Sql(seen.Design.Name.Group, new MaskMark(agent, resource, seen.Ground.Agent.Database, time.GetUtcNow())), cancel);
            }
            await own.Rows("commit", cancel);
            return true;
        }
        finally
        {
            await own.Rows("rollback", cancel); // of what failed; after a commit there is nothing
        }
    }, cancel);

    /// <summary>One at a time in a database. The lock is held before anything is looked at, so that nobody acts on what another is about to change.</summary>
    private static async Task<T> Alone<T>(PgQueries own, Func<Task<T>> change, CancellationToken cancel)
    {
        try
        {
            await own.Rows($"begin; set local lock_timeout = '30s'; select pg_catalog.pg_advisory_lock({MaskSql.Lock}); commit", cancel);
            return await change();
        }
        finally
        {
            await own.Rows("rollback", cancel);
            await own.Rows("select pg_catalog.pg_advisory_unlock_all()", cancel);
        }
    }

    /// <summary>What one look found.</summary>
    private sealed record Seen(MaskGround Ground, MaskDesign Design, MaskChanges Changes, string Plan, IReadOnlyList<MaskingFinding> Findings)
    {
        public string? Unavailable =>
            Design.Unavailable ??
            (Findings.FirstOrDefault(f => f.Refuses) is { } open
                ? $"masked data could be reached in {Findings.Count(f => f.Refuses)} other way(s), first through {open.Through} ({open.Class}): {open.Close}" : null);

        public MaskGroup? Group => Unavailable is null && Changes.IsEmpty ? MaskGroup.Of(Ground, Design, Plan) : null;

        public MaskOutcome Outcome(bool mayApply) => new(
            Group, Unavailable ?? (Changes.IsEmpty || mayApply ? null : "the masks are not in the database yet, or are not as they have to be: what is to be run is shown"),
            Findings, Design.Unavailable is null ? Changes.Sql : "", Design.Unavailable is null ? Plan : "");
    }
}
