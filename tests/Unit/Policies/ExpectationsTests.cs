using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

/// <summary>What somebody is told of the rules before they ask: in words, the strongest first, and nothing that is not for them.</summary>
public sealed class ExpectationsTests
{
    private static IReadOnlyList<string> Told(string rules, string? group = null)
    {
        var reading = PolicyYaml.Read("resources: [{ id: orders, kind: postgresql }, { id: other, kind: postgresql }]\nentitlements: []\n" + rules);
        Assert.True(reading.Model is not null, string.Join("; ", reading.Problems.Select(p => p.Message)));
        var who = group is null ? People.Engineer : People.Engineer with { Groups = [group] };
        return [.. Expectations.Of(reading.Model, "orders", who).Select(e => $"{e.Effect} {e.Rule}: {e.What} | {e.Then}")];
    }

    [Theory]
    [InlineData("match: { statements: [drop, alter] }, effect: deny", "Deny r: drop, alter | refused")]
    [InlineData("match: { statements: [drop] }, effect: deny, message: use migrations", "Deny r: drop | refused; use migrations")]
    [InlineData("match: { relations: [hr.*] }, effect: deny", "Deny r: any statement on hr.* | refused")]
    [InlineData("match: { relations: [hr.salaries, hr.people], access: write }, effect: deny", "Deny r: any statement that writes hr.salaries or hr.people | refused")]
    [InlineData("match: { access: read }, effect: deny", "Deny r: any statement that reads a table | refused")]
    [InlineData("match: { functions: [pg_sleep] }, effect: deny", "Deny r: any statement calling pg_sleep | refused")]
    [InlineData("match: { unknown: true }, effect: deny", "Deny r: any statement that is not understood | refused")]
    [InlineData("match: { several: true, in-transaction: false }, effect: deny", "Deny r: any statement of several at once outside of a transaction | refused")]
    [InlineData("match: { risk: '>= 70' }, effect: hold, hold: { from: { groups: [dba] }, count: 2, timeout: 5m }", "Hold r: any statement of great risk | held up to 5 min (1 min inside a transaction) for 2 of dba")]
    [InlineData("match: { statements: [delete], unbounded: true }, effect: hold, hold: { from: { groups: [dba] }, timeout: 1h }, max-rows: 1000", "Hold r: delete without a condition | held up to 1 h (1 min inside a transaction) for 1 of dba; rolled back beyond 1,000 changed rows")]
    [InlineData("match: { statements: [update] }, effect: flag, max-rows: 1", "Limit r: update | rolled back beyond 1 changed row")]
    public void A_guardrail_is_told_by_what_it_meets_and_what_comes_of_that(string rule, string told) =>
        Assert.Equal([told], Told($"guardrails: [{{ id: r, resource: orders, {rule} }}]"));

    [Theory]
    [InlineData("match: { relations: [hr.salaries] }, effect: flag")]
    [InlineData("match: { statements: [select] }, effect: allow")]
    [InlineData("match: { statements: [select] }, effect: deny, mode: observe")]
    public void What_only_watches_or_allows_is_not_told(string rule) => Assert.Empty(Told($"guardrails: [{{ id: r, resource: orders, {rule} }}]"));

    [Fact]
    public void A_document_that_only_observes_announces_nothing_but_what_is_in_force_all_the_same() => Assert.Equal(
        ["Deny kept: drop | refused"],
        Told("""
            mode: observe
            guardrails:
              - { id: kept, resource: orders, match: { statements: [drop] }, effect: deny, mode: enforce }
              - { id: watched, resource: orders, match: { statements: [alter] }, effect: deny }
            masks: [{ id: m, resource: orders, columns: [a.b.c], with: redact }]
            limits: [{ id: l, resource: orders, connections: 1 }]
            """));

    [Theory]
    [InlineData("columns: [shop.customers.iban], with: redact, inference: allow", "hidden")]
    [InlineData("columns: [shop.customers.iban], with: 'null', inference: allow", "shown as null")]
    [InlineData("columns: [shop.customers.iban], with: { keep-last: 4 }, inference: allow", "no more shown than the last 4")]
    [InlineData("columns: [shop.customers.iban], with: { keep-first: 2 }, inference: refuse", "no more shown than the first 2, and not compared, sorted or computed with")]
    [InlineData("columns: [shop.customers.iban], with: hash, inference: allow", "shown as a hash")]
    [InlineData("columns: [shop.customers.iban], with: year, inference: allow", "no more shown than the year")]
    public void A_mask_is_told_by_what_is_left_of_the_value(string mask, string told) =>
        Assert.Equal([$"Mask m: shop.customers.iban | {told}"], Told($"masks: [{{ id: m, resource: orders, {mask} }}]"));

    [Fact]
    public void Where_PostgreSQL_hides_columns_they_are_compared_as_they_are_shown_and_not_written()
    {
        var model = PolicyYaml.Read("resources: [{ id: crm, kind: postgresql, masking: server }]\nentitlements: []\nmasks: [{ id: m, resource: crm, columns: [a.b.c], with: redact }]").Model!;
        Assert.Equal("hidden, compared and sorted as shown, and not written", Assert.Single(Expectations.Of(model, "crm", People.Engineer)).Then);
    }

    [Fact]
    public void What_is_not_for_somebody_or_for_another_database_is_not_told()
    {
        const string Rules = """
            guardrails: [{ id: elsewhere, resource: other, match: { statements: [drop] }, effect: deny }]
            masks: [{ id: m, resource: orders, columns: [a.b.c], with: redact, inference: allow, unless: { groups: [security] } }]
            limits: [{ id: l, resource: orders, rows-per-statement: 1000, bytes-per-statement: 64KiB, connections: 1, idle: 10m, unless: { groups: [security] } }]
            """;
        Assert.Empty(Told(Rules, "security"));
        Assert.Equal(
            ["Mask m: a.b.c | hidden", "Limit l: any session | 1,000 rows a statement; 64 KiB a statement; ends when idle for 10 min; 1 connection at a time"], Told(Rules));
    }
}
