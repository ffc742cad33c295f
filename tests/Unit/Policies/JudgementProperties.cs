using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Tests.Unit.Agent;
using AccessPlane.Tests.Unit.Masking;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

/// <summary>Whatever the policy and the statement: what the agent rules, what-if and explain rule with nothing but what was recorded.</summary>
public sealed class JudgementProperties
{
    private static readonly string[] Texts =
    [
        "select 1", "select id, name from customers", "select ssn from customers where id = 1", "select * from customers", "select id from customers where card = 'x' order by salary",
        "select count(*) from customers c join orders o on o.customer_id = c.id", "update customers set notes = 'x'", "update customers set card = 'x' where id = 1",
        "update pub set n = 1 where 1 = 1", "delete from pub", "delete from pub where id = 1 returning txt", "with d as (delete from orders returning *) select * from d",
        "insert into pub select id, ssn, 1 from customers", "insert into customers (id, ssn) values (1, 'x')", "drop table pub", "truncate pub", "select 1; delete from pub",
        "do $$ begin delete from shop.pub; end $$", "do $$ begin execute 'x'; end $$", "call p()", "select f_get(1)", "select pg_read_file('x')", "select lo_export(1, 'x')",
        "copy customers to stdout", "copy (select id from customers) to stdout", "explain analyze delete from pub where id = 2", "create view v as select ssn from customers",
        "merge into pub p using customers c on p.id = c.id when matched then delete", "select * from v_rich", "update stamped set txt = 'x'", "select * from missing",
        "begin", "commit", "set work_mem = '1MB'", "declare c cursor for select card from customers", "prepare p as delete from pub", "select query_to_xml('select 1', true, false, '')", "selec 1",
    ];

    private static readonly string[] Kinds = ["select", "insert", "update", "delete", "drop", "truncate", "do", "call", "copy-to", "explain", "create", "merge"];
    private static readonly string[] Relations = ["shop.customers", "shop.*", "*", "shop.pub", "*.orders", "pg_catalog.*"];
    private static readonly string[] Columns = ["shop.customers.ssn", "shop.customers.*", "*.card", "*.txt", "shop.pub.id"];
    private static readonly string[] Functions = ["pg_read_*", "lo_*", "shop.f_get", "*", "query_to_xml"];

    private static Gen<T[]> Some<T>(params T[] of) => Gen.SubListOf(of).Select(l => l.Take(2).ToArray());

    private static Gen<bool?> Perhaps { get; } = Gen.Frequency((5, Gen.Constant<bool?>(null)), (1, Gen.Elements<bool?>(true, false)));

    private static Gen<PolicyMode?> Modes { get; } = Gen.Frequency((3, Gen.Constant<PolicyMode?>(null)), (1, Gen.Elements<PolicyMode?>(PolicyMode.Enforce, PolicyMode.Observe)));

    private static Gen<Match> Matches { get; } =
        from kinds in Some(Kinds)
        from relations in Gen.Frequency((2, Gen.Constant(Array.Empty<string>())), (1, Some(Relations)))
        from access in Gen.Frequency((3, Gen.Constant<RelationAccess?>(null)), (1, Gen.Elements<RelationAccess?>(RelationAccess.Read, RelationAccess.Write)))
        from columns in Gen.Frequency((3, Gen.Constant(Array.Empty<string>())), (1, Some(Columns)))
        from places in Gen.Frequency((3, Gen.Constant(Array.Empty<ColumnPlace>())), (1, Some(Enum.GetValues<ColumnPlace>())))
        from functions in Gen.Frequency((4, Gen.Constant(Array.Empty<string>())), (1, Some(Functions)))
        from flags in Perhaps.ArrayOf(5)
        from risk in Gen.Frequency((4, Gen.Constant<int?>(null)), (1, Gen.Choose(0, 100).Select(n => (int?)n)))
        select new Match(kinds, relations, access, columns, places, functions, flags[0], flags[1], flags[2], flags[3], flags[4], risk);

    private static Gen<PolicyModel> Policies { get; } =
        from matches in Matches.ArrayOf(4)
        from effects in Gen.Elements(Effect.Allow, Effect.Flag, Effect.Hold, Effect.Deny).ArrayOf(4)
        from modes in Modes.ArrayOf(6)
        from most in Gen.Frequency((2, Gen.Constant<long?>(null)), (1, Gen.Choose(0, 9).Select(n => (long?)n))).ArrayOf(4)
        from masked in Some(Columns).ArrayOf(2)
        from inference in Gen.Elements(Inference.Refuse, Inference.Allow).ArrayOf(2)
        from document in Gen.Elements(PolicyMode.Enforce, PolicyMode.Enforce, PolicyMode.Observe)
        from server in Gen.Frequency((4, Gen.Constant(MaskingMode.Wire)), (1, Gen.Constant(MaskingMode.Server)))
        select new PolicyModel([AgentWorld.Orders with { Masking = server }], [], PeopleDirectory.Empty)
        {
            Mode = document,
            Guardrails = [.. matches.Select((m, i) => new Guardrail(
                $"g{i}", "orders", m, effects[i], null, effects[i] == Effect.Hold ? new HoldTerms(Who.Nobody with { Groups = ["dba"] }, i + 1, TimeSpan.FromMinutes(i + 1), TimeSpan.FromMinutes(1)) : null,
                most[i], modes[i]))],
            Masks = [.. masked.Where(m => m.Length > 0).Select((m, i) => new MaskRule($"m{i}", "orders", m, [], MaskWith.Redact, null, inference[i], modes[4 + i]))],
        };

    private sealed record Case(PolicyModel Policy, string Text, string[] Scope, bool InTransaction);

    private static Arbitrary<Case> Cases { get; } = Arb.From(
        from policy in Policies
        from text in Gen.Elements(Texts)
        from scope in Gen.Frequency((3, Gen.Constant(Array.Empty<string>())), (1, Some(Kinds)))
        from inTransaction in Gen.Elements(true, false)
        select new Case(policy, text, scope, inTransaction));

    [Fact]
    public void What_the_agent_rules_is_what_is_ruled_again_from_the_record()
    {
        var facts = Texts.ToDictionary(t => t, Read);
        var seen = new HashSet<Effect>();
        Prop.ForAll(Cases, c => Agrees(facts[c.Text], c, seen)).Check(Config.QuickThrowOnFailure.WithMaxTest(600));
        Assert.Superset(new HashSet<Effect> { Effect.Allow, Effect.Flag, Effect.Mask, Effect.Hold, Effect.Deny }, seen);
    }

    private static StatementFacts Read(string sql) => Shop.TreeOf(sql) is { IsEmpty: false } ? Shop.Facts(sql) : StatementFacts.NotUnderstood("it is no SQL");

    private static bool Agrees(StatementFacts facts, Case c, HashSet<Effect> seen)
    {
        var policy = new PublishedPolicy(7, "", c.Policy);
        var world = new AgentWorld();
        world.Apply(policy);
        var grant = AgentWorld.Grant(world.Time.Wall.AddHours(1), c.Scope);
        world.Apply(grant);
        using var permit = world.Admit(grant);
        var ruled = permit.Judge(facts, c.InTransaction);
        seen.Add(ruled.Effect);

        var recorded = Again<StatementFacts>(RecordedFacts.Of(facts).Json);
        var context = new OperationContext("orders", Again<Actor>(JsonSerializer.SerializeToUtf8Bytes(grant.Holder, Json.Options)), grant.Entitlement,
            Again<Scope>(RecordedFacts.Of(grant.Scope).Json), c.InTransaction);
        var again = Evaluator.Judge(recorded, context, policy);
        Assert.Equal((ruled.Effect, ruled.Risk, ruled.MaxRows, ruled.Hold), (again.Effect, again.Risk, again.MaxRows, again.Hold));
        Assert.Equal(ruled.Reasons, again.Reasons);
        Assert.Equal(ruled.Masks, again.Masks);
        var (plan, planned) = (MaskPlan.Of(facts, ruled.Masks), MaskPlan.Of(recorded, again.Masks));
        Assert.Equal((plan.Refusal, plan.Free), (planned.Refusal, planned.Free));
        Assert.Equal(plan.Columns, planned.Columns);
        return true;
    }

    private static T Again<T>(ReadOnlyMemory<byte> json) => JsonSerializer.Deserialize<T>(json.Span, Json.Options)!;
}
