namespace AccessPlane.Contracts.Sql;

/// <summary>
/// What runs along with one text: functions, blocks, triggers, rules, foreign keys, views. What leads to more is a list of things to do, so that
/// neither cycles nor depth matter.
/// </summary>
internal sealed class PgFollowing(PgAnalyst analyst, PgFindings found, bool mayRead)
{
    /// <summary>Characters; more of them become a hash.</summary>
    private const int MostObjects = 512;

    private const PgEvents Rows = PgEvents.Insert | PgEvents.Update | PgEvents.Delete;

    private readonly Distinct<uint> calls = new();
    private readonly Distinct<Use> touched = new();
    private readonly List<(PgEffect Effect, string Columns)> unless = [];
    private bool mustRead;
    private bool onlyBuiltIn = true;

    /// <param name="Columns">The relation under whose name the columns stand that a statement assigns; null where that is not known.</param>
    private readonly record struct Use(string Relation, PgEvents Events, bool IsKin, string? Columns);

    /// <returns>False where a text would have to be read, and may not be.</returns>
    public bool Run(Dictionary<(string Language, string Body), PgFindings> blocks)
    {
        Take(found);
        foreach (var block in found.Blocks)
        {
            if (!blocks.TryGetValue(block, out var read))
            {
                blocks[block] = read = analyst.ReadBlock(block.Language, block.Body, analyst.Catalog);
            }
            Join(read);
        }
        var (nextCall, nextRelation) = (0, 0);
        while (!mustRead)
        {
            if (nextRelation < touched.Count)
            {
                Touch(touched[nextRelation++]);
            }
            else if (nextCall < calls.Count && nextCall < PgAnalyst.MostBodies)
            {
                Call(calls[nextCall++]);
            }
            else if (!KeysChange())
            {
                break;
            }
        }
        if (nextCall < calls.Count)
        {
            found.Hide("too many functions run along with it");
        }
        found.OnlyBuiltIn = onlyBuiltIn;
        found.Objects = mustRead ? "" : Objects();
        return !mustRead;
    }

    private void Take(PgFindings from)
    {
        foreach (var call in from.Calls)
        {
            calls.Add(call);
        }
        foreach (var (relation, events) in from.Touched)
        {
            touched.Add(new Use(relation, events, false, relation));
        }
    }

    /// <summary>Code that runs along: what it changes, no count of the statement's own shows.</summary>
    private void Join(PgFindings from)
    {
        found.Uncount(from.Writes > 0 || from.Opaque is not null ? "code that runs along with it changes rows of its own" : null);
        found.Add(from);
        Take(from);
    }

    private void Call(uint oid)
    {
        var function = analyst.FunctionOf(oid);
        onlyBuiltIn &= function is { IsBuiltIn: true };
        if (analyst.BodyOf(function, mayRead) is { } body)
        {
            Join(body);
        }
        else
        {
            mustRead = true;
        }
    }

    private void Touch(Use use)
    {
        if (!found.Step() || analyst.Catalog.Relations.GetValueOrDefault(use.Relation) is not { } relation)
        {
            return;
        }
        found.Hide(relation.Opaque);
        // a trigger may give its row another key than the statement says
        var columns = relation.Effects.Any(e => e.IsTrigger && (e.On & PgEvents.Update) != 0) ? null : use.Columns;
        foreach (var effect in relation.Effects)
        {
            // checks and indexes are planned with whatever is asked of their table
            onlyBuiltIn &= effect.Function == 0 || analyst.FunctionOf(effect.Function) is { IsBuiltIn: true };
            var on = effect.On & use.Events;
            if (on == PgEvents.Update && columns is not null && effect.Keys is not null)
            {
                unless.Add((effect, columns));
            }
            else if (on != 0)
            {
                Happens(effect);
            }
        }
        var writes = use.Events > PgEvents.Select && relation.Kind == 'v';
        foreach (var read in relation.Kind == 'm' && use.Events == PgEvents.Select ? [] : relation.Reads)
        {
            // a write to a view is a write to what it shows
            found.Use(read, writes ? RelationAccess.Read | RelationAccess.Write : RelationAccess.Read);
            touched.Add(new Use(read, writes ? use.Events : PgEvents.Select, false, null));
        }
        foreach (var relative in use.IsKin ? [] : analyst.FamilyOf(use.Relation))
        {
            // a partition's rows are its parent's and the other way round
            found.Use(relative, found.Relations.GetValueOrDefault(use.Relation, RelationAccess.Read));
            touched.Add(use with { Relation = relative, IsKin = true });
        }
    }

    /// <summary>What is carried on only with a key waits until all is known that is assigned.</summary>
    /// <returns>Whether something came of it.</returns>
    private bool KeysChange()
    {
        var changed = unless.FindAll(u => found.Columns.Contains(new ColumnUse($"{u.Columns}.*", ColumnPlace.Assigned)) ||
            u.Effect.Keys!.Any(k => found.Columns.Contains(new ColumnUse($"{u.Columns}.{k}", ColumnPlace.Assigned))));
        unless.RemoveAll(changed.Contains);
        changed.ForEach(u => Happens(u.Effect));
        return changed.Count > 0;
    }

    private void Happens(PgEffect effect)
    {
        if (effect.Definition is { } definition)
        {
            found.Uncount(effect.Why);
            if (analyst.RuleOf(definition, mayRead) is { } rule)
            {
                Join(rule);
            }
            else
            {
                mustRead = true;
            }
        }
        else if (effect.Function == 0 && effect.Relation is null)
        {
            found.Hide(effect.Why);
        }
        if (effect.Function != 0)
        {
            calls.Add(effect.Function);
        }
        if (effect.Relation is { } other)
        {
            Carries(effect, other);
        }
    }

    private void Carries(PgEffect effect, string other)
    {
        found.Use(other, RelationAccess.Read | RelationAccess.Write);
        if ((effect.Then & Rows) != 0)
        {
            found.Uncount(effect.Why);
        }
        if (effect.Then is PgEvents.Update or PgEvents.Delete)
        {
            found.Kinds.Add(effect.Then == PgEvents.Update ? "update" : "delete");
        }
        touched.Add(new Use(other, effect.Then, false, null));
    }

    /// <summary>What all that was followed is at this moment, in one order.</summary>
    private string Objects()
    {
        var lines = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var use in touched)
        {
            lines.Add(analyst.Catalog.Relations.GetValueOrDefault(use.Relation) is { } relation ? analyst.SaidOf(relation) : use.Relation);
        }
        foreach (var call in calls)
        {
            lines.Add($"{call}.{analyst.FunctionOf(call)?.Version}");
        }
        var all = string.Join(' ', lines);
        return all.Length <= MostObjects ? all : PgAnalyst.Hash(all);
    }
}
