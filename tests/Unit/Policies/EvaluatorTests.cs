using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.Policies;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

public sealed class EvaluatorTests
{
    private static readonly Actor Engineer = Person("engineer", "engineering");
    private static readonly StatementFacts Drop = new(["drop"], 1) { Relations = [new RelationUse("public.orders", RelationAccess.Write)] };
    private static readonly StatementFacts Wipe = new(["delete"], 1) { Unbounded = true, Relations = [new RelationUse("public.orders", RelationAccess.Write)] };
    private static readonly StatementFacts Select = new(["select"], 1) { Columns = [new ColumnUse("public.customers.card", ColumnPlace.Output)] };

    [Fact]
    public void The_strongest_rule_decides_and_every_one_that_matches_is_reported_strongest_first()
    {
        var ruling = Judge(Wipe, """
            guardrails:
              - { id: permit, resource: orders, match: {}, effect: allow }
              - { id: mark, resource: orders, match: { statements: [delete] }, effect: flag }
              - { id: wait, resource: orders, match: { unbounded: true }, effect: hold, hold: { from: { groups: [dba] } }, max-rows: 1000 }
              - { id: never, resource: orders, match: { relations: [orders], access: write }, effect: deny, message: 'not this one' }
              - { id: elsewhere, resource: stock, match: {}, effect: deny }
              - { id: reads, resource: orders, match: { relations: [orders], access: read }, effect: deny }
            """);
        Assert.Equal(Effect.Deny, ruling.Effect);
        Assert.Equal(["never", "wait", "mark", "write", "permit"], ruling.Reasons.Select(r => r.Rule));
        Assert.Equal(new Reason("never", Effect.Deny, "not this one"), ruling.Deciding);
        Assert.Null(ruling.Hold);
        Assert.Equal(new Limit<long>(1000, "wait"), ruling.MaxRows);
    }

    [Fact]
    public void A_rule_that_is_only_watched_says_what_it_would_have_done_and_changes_nothing()
    {
        var ruling = Judge(Drop, """
            guardrails:
              - { id: no-ddl, resource: orders, match: { statements: [drop] }, effect: deny, mode: observe }
              - { id: few, resource: orders, match: {}, effect: flag, max-rows: 3, mode: observe }
            """);
        Assert.Equal(Effect.Allow, ruling.Effect);
        Assert.Equal([("write", false), ("no-ddl", true), ("few", true)], ruling.Reasons.Select(r => (r.Rule, r.Observed)));
        Assert.Null(ruling.MaxRows);
    }

    [Fact]
    public void A_document_that_is_only_watched_still_refuses_what_is_built_in()
    {
        const string watched = """
            guardrails:
              - { id: no-ddl, resource: orders, match: { statements: [drop] }, effect: deny }
              - { id: only-known, resource: orders, match: { unknown: true }, effect: allow }
            mode: observe
            """;
        Assert.Equal(Effect.Allow, Judge(Drop, watched).Effect);
        Assert.Equal("only-known", Judge(StatementFacts.NotUnderstood("it is odd"), watched).Deciding?.Rule);
        Assert.Equal(Effect.Deny, Judge(Drop, watched, new Scope([], ["select"])).Effect);
    }

    [Fact]
    public void A_rule_may_be_enforced_in_a_document_that_is_only_watched()
    {
        var ruling = Judge(Drop, """
            guardrails: [ { id: no-ddl, resource: orders, match: { statements: [drop] }, effect: deny, mode: enforce } ]
            mode: observe
            """);
        Assert.Equal("no-ddl", ruling.Deciding?.Rule);
    }

    [Fact]
    public void What_is_not_understood_is_refused_unless_the_document_says_otherwise()
    {
        var odd = StatementFacts.NotUnderstood("it is odd");
        Assert.Equal("only-known", Judge(odd, "").Deciding?.Rule);
        const string held = "guardrails: [ { id: odd, resource: orders, match: { unknown: true }, effect: hold, hold: { from: { groups: [dba] } } } ]";
        Assert.Equal(("odd", Effect.Hold), (Judge(odd, held).Deciding?.Rule, Judge(odd, held).Effect));
        // nobody can tell that it is a select
        Assert.Equal("write", Judge(odd, held, new Scope([], ["select"])).Deciding?.Rule);
        Assert.Equal("pinned-session", Judge(odd with { Refused = "never" }, held).Deciding?.Rule);
        Assert.Equal(100, Judge(odd, held).Risk);
    }

    [Fact]
    public void Of_several_holds_the_strictest_gives_the_terms()
    {
        var ruling = Judge(Wipe, """
            guardrails:
              - { id: one, resource: orders, match: {}, effect: hold, hold: { from: { groups: [dba] }, timeout: 1m } }
              - { id: two-slow, resource: orders, match: {}, effect: hold, hold: { from: { groups: [dba] }, count: 2, timeout: 9m } }
              - { id: two, resource: orders, match: {}, effect: hold, hold: { from: { groups: [security] }, count: 2, timeout: 5m, in-transaction: 30s } }
            """);
        Assert.Equal("two", ruling.Deciding?.Rule);
        Assert.Equal((2, TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(30)), (ruling.Hold!.Count, ruling.Hold.Timeout, ruling.Hold.InTransaction));
        Assert.Equal(["two", "two-slow", "one", "write"], ruling.Reasons.Select(r => r.Rule));
    }

    [Fact]
    public void A_write_is_bound_to_the_fewest_rows_of_all_rules()
    {
        var ruling = Judge(Wipe, """
            guardrails:
              - { id: many, resource: orders, match: {}, effect: allow, max-rows: 100 }
              - { id: few, resource: orders, match: { statements: [delete] }, effect: flag, max-rows: 10 }
              - { id: watched, resource: orders, match: {}, effect: flag, max-rows: 1, mode: observe }
            """);
        Assert.Equal((Effect.Limit, new Limit<long>(10, "few")), (ruling.Effect, ruling.MaxRows));
    }

    [Fact]
    public void A_mask_spares_only_whom_the_whole_chain_belongs_to()
    {
        var model = new PolicyModel([], [], PeopleDirectory.Empty)
        {
            Masks =
            [
                new MaskRule("cards", "orders", ["card"], [], MaskWith.Redact, Who.Nobody with { Groups = ["fraud"] }, Inference.Refuse),
                new MaskRule("watched", "orders", ["card"], [], MaskWith.Redact, null, Inference.Refuse, PolicyMode.Observe),
            ],
        };
        Ruling Seen(StatementFacts facts, Actor by) => Evaluator.Judge(facts with { Lineage = Lineage.Nothing }, Context(by), new PublishedPolicy(1, "", model));
        var fraud = Person("investigator", "fraud");
        Assert.Equal((Effect.Mask, "cards"), (Seen(Select, Engineer).Effect, Assert.Single(Seen(Select, Engineer).Masks).Id));
        Assert.Equal(Effect.Allow, Seen(Select, fraud).Effect);
        Assert.Empty(Seen(Select, fraud).Masks);
        Assert.Single(Seen(Select, fraud with { Act = [Person("assistant", "assistants")] }).Masks);
        Assert.Empty(Seen(Select, fraud with { Act = [Person("assistant", "fraud")] }).Masks);
        Assert.Single(Seen(Select, fraud with { Act = [Person("assistant", "fraud"), Person("further", "assistants")] }).Masks);
        // it applies to whatever is read, but says so only where a column of it is
        Assert.Equal(Effect.Allow, Seen(Wipe, Engineer).Effect);
        Assert.Single(Seen(Wipe, Engineer).Masks);
        Assert.Equal(Effect.Allow, Seen(Select with { Columns = [new ColumnUse("public.customers.card", ColumnPlace.Assigned)] }, Engineer).Effect);
        Assert.Contains(Seen(Select, Engineer).Reasons, r => r is { Rule: "watched", Observed: true });
    }

    [Fact]
    public void What_the_database_hides_is_said_and_not_planned_on_the_wire()
    {
        const string masks = """
            masks:
              - { id: cards, resource: orders, columns: [card], with: redact, unless: { groups: [fraud] } }
              - { id: found, resource: orders, detect: [email], with: redact }
            """;
        // followed on the wire it would be refused, because nobody could tell what it shows
        var unfollowed = Select with { Lineage = null };
        Assert.Equal(Effect.Deny, Judge(unfollowed, masks).Effect);
        var policy = Policy(masks);
        var byServer = policy with { Model = policy.Model with { Resources = [.. policy.Model.Resources.Select(r => r with { Masking = MaskingMode.Server })] } };
        var ruling = Evaluator.Judge(unfollowed, Context(Engineer), byServer);
        Assert.Equal((Effect.Mask, "cards", "the database itself hides values of its columns"), (ruling.Effect, ruling.Deciding!.Rule, ruling.Deciding.Text));
        Assert.Equal(["found"], ruling.Masks.Select(m => m.Id));
        Assert.Equal(Effect.Allow, Evaluator.Judge(unfollowed, Context(Person("investigator", "fraud")), byServer).Effect);
    }

    [Fact]
    public void The_database_enforces_rules_of_columns_that_are_not_only_watched_on_whom_they_are_not_unless()
    {
        var model = Policy("""
            masks:
              - { id: cards, resource: orders, columns: [card], with: redact, unless: { groups: [fraud] } }
              - { id: names, resource: orders, columns: [name], with: redact }
              - { id: found, resource: orders, detect: [email], with: redact }
              - { id: watched, resource: orders, columns: [note], with: redact, mode: observe }
              - { id: elsewhere, resource: stock, columns: [card], with: redact }
            """).Model;
        var byServer = model with { Resources = [.. model.Resources.Select(r => r.Id == "orders" ? r with { Masking = MaskingMode.Server } : r)] };
        Assert.Equal("cards names / ", Of(byServer, Engineer));
        var fraud = Person("investigator", "fraud");
        Assert.Equal("names / cards", Of(byServer, fraud));
        // an agent that acts for somebody who is spared is not
        Assert.Equal("cards names / ", Of(byServer, fraud with { Act = [Person("assistant", "assistants")] }));
        Assert.Equal(" / ", Of(model, Engineer));
        Assert.Equal(" / ", Of(byServer with { Mode = PolicyMode.Observe }, Engineer));
        Assert.Empty(ServerMasks.RulesOf(byServer, "stock"));

        static string Of(PolicyModel policy, Actor actor)
        {
            var masks = ServerMasks.For(policy, "orders", actor);
            return $"{string.Join(' ', masks.Masked.Select(m => m.Id))} / {string.Join(' ', masks.Exempt.Select(m => m.Id))}";
        }
    }

    [Fact]
    public void Approvers_are_shown_a_score_that_knows_the_planners_estimate()
    {
        var bounded = Wipe with { Unbounded = false };
        Assert.Equal((30, 30, 40, 60), (RiskScore.Of(bounded).Score, RiskScore.Of(bounded, 999).Score, RiskScore.Of(bounded, 1000).Score, RiskScore.Of(bounded, 20_000_000).Score));
    }

    [Fact]
    public void The_score_is_the_sum_of_its_parts_and_at_most_a_hundred()
    {
        var score = RiskScore.Of(Wipe with { Statements = 2, Opaque = "a trigger runs", Functions = ["pg_catalog.pg_read_file"] });
        Assert.Equal(100, score.Score);
        Assert.Equal(
            [("kind", 30), ("unbounded", 40), ("opaque", 20), ("several", 10), ("functions", 40)], score.Parts.Select(p => (p.Part, p.Points)));
        Assert.Equal(5, RiskScore.Of(new StatementFacts(["select"], 1)).Score);
        Assert.Equal(0, RiskScore.Of(new StatementFacts(["transaction"], 1)).Score);
        Assert.Equal(70, RiskScore.Of(Wipe).Score);
    }

    /// <summary>Whatever else a document says, one more deny rule can only take away.</summary>
    [Fact]
    public void Another_deny_rule_never_widens_anything()
    {
        var matches = Gen.Elements(
            Match.Everything, Match.Everything with { Statements = ["delete"] }, Match.Everything with { Unbounded = true }, Match.Everything with { Unknown = true },
            Match.Everything with { RiskAtLeast = 60 }, Match.Everything with { InTransaction = true }, Match.Everything with { Relations = ["orders"] }, Match.Everything with { Relations = ["orders"], Opaque = false });
        var rules =
            from match in matches
            from effect in Gen.Elements(Effect.Allow, Effect.Flag, Effect.Hold, Effect.Deny)
            from mode in Gen.Elements<PolicyMode?>(null, PolicyMode.Observe, PolicyMode.Enforce)
            select new Guardrail("r", "orders", match, effect, null, effect == Effect.Hold ? new HoldTerms(Who.Nobody, 1, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)) : null, Mode: mode);
        var cases =
            from guardrails in rules.ListOf(4)
            from more in matches
            from facts in Gen.Elements(Drop, Wipe, Select, Select with { Opaque = "it is code" }, StatementFacts.NotUnderstood("it is odd"))
            from inside in Gen.Elements(true, false)
            select (guardrails, more, facts, inside);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            // a rule on what is not understood takes the built-in one's place: with deny it does the same
            var before = new PolicyModel([], [], PeopleDirectory.Empty) { Guardrails = [.. c.guardrails] };
            var after = before with { Guardrails = [.. c.guardrails, new Guardrail("more", "orders", c.more, Effect.Deny, Mode: PolicyMode.Enforce)] };
            var context = Context(Engineer) with { InTransaction = c.inside };
            var (one, two) = (Evaluator.Judge(c.facts, context, new PublishedPolicy(1, "", before)), Evaluator.Judge(c.facts, context, new PublishedPolicy(2, "", after)));
            return two.Effect >= one.Effect && two.Deciding is not null && one.Deciding is not null;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));
    }

    private static Ruling Judge(StatementFacts facts, string rules, Scope? scope = null) =>
        Evaluator.Judge(facts, Context(Engineer) with { Scope = scope ?? Scope.Any }, Policy(rules));

    private static PublishedPolicy Policy(string rules)
    {
        var reading = PolicyYaml.Read($$"""
            resources: [ { id: orders, kind: postgresql }, { id: stock, kind: postgresql } ]
            entitlements: [ { id: write, resource: orders, who: { groups: [engineering] }, approval: { auto: true } } ]
            {{rules}}
            """);
        Assert.True(reading.IsValid, string.Join('\n', reading.Problems));
        return new PublishedPolicy(1, "", reading.Model!);
    }

    private static OperationContext Context(Actor holder) => new("orders", holder, "write", Scope.Any);

    private static Actor Person(string name, params string[] groups) =>
        new("https://idp.example", name, name, ActorKind.Person, groups, new Dictionary<string, string>(), []);
}
