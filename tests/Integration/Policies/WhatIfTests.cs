using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Policies;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Policies;

/// <summary>Looking back: an operation explained, a candidate policy tried on what was recorded, operations found by what they touched.</summary>
public sealed class WhatIfTests : IAsyncLifetime
{
    private const string Then = """
        resources: [ { id: orders, kind: postgresql } ]
        entitlements: [ { id: orders-write, resource: orders, who: { groups: [engineering] }, approval: { auto: true } } ]
        guardrails:
          - { id: no-ddl, resource: orders, match: { statements: [drop] }, effect: deny }
          - { id: watched, resource: orders, match: { statements: [delete] }, effect: deny, mode: observe }
        """;

    private const string Candidate = """
        resources: [ { id: orders, kind: postgresql } ]
        entitlements: [ { id: orders-write, resource: orders, who: { groups: [engineering] }, approval: { auto: true } } ]
        guardrails:
          - { id: bulk, resource: orders, match: { unbounded: true }, effect: hold, hold: { from: { groups: [dba] } } }
          - { id: no-salaries, resource: orders, match: { relations: [hr.salaries] }, effect: deny }
        masks:
          - { id: cards, resource: orders, columns: [public.customers.card], with: redact }
        """;

    private static readonly (string Text, StatementFacts Facts)[] Statements =
    [
        ("select 1", new StatementFacts(["select"], 1)),
        ("drop table t", new StatementFacts(["drop"], 1) { Relations = [new RelationUse("public.t", RelationAccess.Write)] }),
        ("delete from orders", new StatementFacts(["delete"], 1) { Unbounded = true, Relations = [new RelationUse("public.orders", RelationAccess.Write)] }),
        ("select card from customers", new StatementFacts(["select"], 1) { Columns = [new ColumnUse("public.customers.card", ColumnPlace.Output)] }),
        ("select * from salaries", new StatementFacts(["select"], 1) { Relations = [new RelationUse(".salaries", RelationAccess.Read)] }),
        ("select 1", new StatementFacts(["select"], 1)),
        ("selekt", StatementFacts.NotUnderstood("it is odd")),
    ];

    private static (string Text, StatementFacts Facts)[] Followed => [.. Statements.Select(s => (s.Text, Judgement.Followed(s.Facts)))];

    private static readonly Uri Endpoint = new("/v1/policies/what-if?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", UriKind.Relative);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static readonly Judgement Someone = new("", new StatementFacts([], 0), new ExpectedRuling(Effect.Allow, [], []));
    private ControlPlaneHost host = null!;

    public async ValueTask InitializeAsync() => host = await ControlPlaneHost.Start();

    public ValueTask DisposeAsync() => host.DisposeAsync();

    [Fact]
    public async Task A_candidate_is_tried_on_what_was_recorded_and_says_what_would_be_otherwise_for_whom_and_by_which_rule()
    {
        await Record(Then, Someone.Context, Followed);
        await Record(null, Someone.Context with { InTransaction = true }, Followed[2]);
        var lines = await Try(Candidate);
        Assert.All(lines.SkipLast(1), l => Assert.True(l.TryGetProperty("progress", out _)));
        var parts = lines.SkipLast(1).Select(l => l.GetProperty("progress").GetProperty("part").GetDouble()).ToList();
        Assert.Equal(parts.Order(), parts);
        Assert.Equal(1, parts[^1]);
        var result = lines[^1].GetProperty("result");
        Assert.Equal((8, 8, 7, 5), (Number(result, "operations"), Number(result, "judged"), Number(result, "distinct"), Number(result, "changed")));
        Assert.Equal(
            [
                "hold-gained engineer bulk 2: delete from orders", "allow-to-deny engineer no-salaries 1: select * from salaries",
                "deny-to-allow engineer no-ddl 1: drop table t", "mask-gained engineer cards 1: select card from customers",
            ],
            result.GetProperty("changes").EnumerateArray().Select(c =>
                $"{c.GetProperty("kind").GetString()} {c.GetProperty("actor").GetString()} {c.GetProperty("rule").GetString()} {Number(c, "operations")}: " +
                c.GetProperty("examples")[0].GetProperty("text").GetString()));

        var same = (await Try(Then))[^1].GetProperty("result");
        Assert.Equal((8, 0, 0), (Number(same, "operations"), Number(same, "changed"), same.GetProperty("changes").GetArrayLength()));
        Assert.Equal(0, Number((await Try(Candidate, "&resource=stock"))[^1].GetProperty("result"), "operations"));
    }

    [Fact]
    public async Task What_was_recorded_without_what_its_values_depend_on_cannot_be_judged_by_masks()
    {
        await Record(Then, Someone.Context, Statements[3], Followed[3]);
        var masked = (await Try(Candidate))[^1].GetProperty("result");
        Assert.Equal((2, 1, 1), (Number(masked, "operations"), Number(masked, "judged"), Number(masked, "changed")));
        var without = (await Try(Candidate.Split("masks:")[0]))[^1].GetProperty("result");
        Assert.Equal((2, 2, 0), (Number(without, "operations"), Number(without, "judged"), Number(without, "changed")));
    }

    /// <summary>The same cases as the evaluator's and the agent's: tried on a record that was made without any rule, each by somebody of its own.</summary>
    [Fact]
    public async Task A_candidate_rules_of_the_record_case_by_case_as_the_corpus_says()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "corpus", "policy", "judgements");
        foreach (var document in Directory.GetFiles(folder, "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal))
        {
            var text = await File.ReadAllTextAsync(Path.Combine(folder, document + ".yaml"), Cancel);
            var (_, cases) = Judgement.Read(folder, document);
            var none = text.Split("guardrails:")[0];
            var before = new PublishedPolicy(1, "", PolicyYaml.Read(none).Model!);
            var expected = new SortedDictionary<string, string>(StringComparer.Ordinal);
            await host.Publish(none);
            for (var i = 0; i < cases.Count; i++)
            {
                var context = cases[i].Context with { Holder = cases[i].Holder with { Subject = $"{document}{i}", Name = $"{document} {cases[i].Name}" } };
                await Record(null, context, (cases[i].Name, cases[i].Facts));
                if (Differs(Evaluator.Judge(cases[i].Facts, context, before).Effect, cases[i].Expect) is { Length: > 0 } differs)
                {
                    expected.Add(context.Holder.Display, differs);
                }
            }
            var result = (await Try(text))[^1].GetProperty("result");
            Assert.Equal(Number(result, "operations"), Number(result, "judged"));
            var told = result.GetProperty("changes").EnumerateArray().GroupBy(c => c.GetProperty("actor").GetString()!)
                .Where(g => g.Key.StartsWith(document, StringComparison.Ordinal))
                .ToDictionary(g => g.Key, g => string.Join(' ', g.Select(c => c.GetProperty("kind").GetString()).Order(StringComparer.Ordinal)));
            Assert.Equal(expected, new SortedDictionary<string, string>(told, StringComparer.Ordinal));
            Assert.True(expected.Count >= Math.Min(5, cases.Count - 1), "hardly anything differs: that shows nothing");
        }
    }

    /// <summary>What would be otherwise, in the words of the answer.</summary>
    private static string Differs(Effect was, ExpectedRuling now)
    {
        var differs = new List<string>();
        differs.AddRange(was == now.Effect ? [] : now.Effect switch { Effect.Deny => ["allow-to-deny"], Effect.Hold => ["hold-gained"], _ => [] });
        differs.AddRange(was != now.Effect && was == Effect.Deny ? ["deny-to-allow"] : []);
        differs.AddRange(was == Effect.Deny || now.Effect == Effect.Deny ? [] : now.Reasons.Where(r => r.EndsWith(" mask", StringComparison.Ordinal)).Select(_ => "mask-gained"));
        return string.Join(' ', differs.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Every_operation_is_explained_as_it_was_recorded_and_found_by_what_it_touched()
    {
        var session = await Record(Then, Someone.Context, Statements);
        for (var op = 1; op <= Statements.Length; op++)
        {
            var explanation = await host.Get($"/v1/audit/operations/{session}/{op}/explanation");
            Assert.Equal("policy", explanation.GetProperty("basis").GetString());
            Assert.True(explanation.GetProperty("agrees").GetBoolean());
            Assert.Equal(explanation.GetProperty("recorded").GetProperty("reasons").ToString(), explanation.GetProperty("judged").GetProperty("reasons").ToString());
        }
        var drop = await host.Get($"/v1/audit/operations/{session}/2/explanation");
        Assert.Equal("no-ddl", drop.GetProperty("judged").GetProperty("reasons")[0].GetProperty("rule").GetString());
        Assert.Equal("kind", drop.GetProperty("judged").GetProperty("riskParts")[0].GetProperty("part").GetString());
        Assert.Equal("public.t", drop.GetProperty("facts").GetProperty("relations")[0].GetProperty("name").GetString());

        Assert.Equal(["delete from orders"], await Found("relation=public.orders"));
        Assert.Equal(["delete from orders"], await Found("relation=orders"));
        Assert.Equal(["select * from salaries"], await Found("relation=hr.salaries"));
        Assert.Equal(["select * from salaries"], await Found("relation=salaries"));
        Assert.Empty(await Found("relation=hr.orders"));
        Assert.Equal(["delete from orders"], await Found("rule=watched"));
        Assert.Equal(["drop table t"], await Found("rule=no-ddl&verdict=deny"));

        using var engineer = host.Client("other", "engineering");
        using var hidden = await engineer.GetAsync(new Uri($"/v1/audit/operations/{session}/1/explanation", UriKind.Relative), Cancel);
        Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
    }

    [Fact]
    public async Task Trying_a_policy_is_for_admins_and_auditors_and_for_documents_without_errors()
    {
        using var engineer = host.Client("engineer", "engineering");
        using var refused = await engineer.PostAsync(Endpoint, Yaml(Candidate), Cancel);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using var auditor = host.Client("auditor", "auditors");
        using var invalid = await auditor.PostAsync(Endpoint, Yaml("guardrails: [ { id: x } ]"), Cancel);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, invalid.StatusCode);
        using var backwards = await auditor.PostAsync(new Uri("/v1/policies/what-if?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", UriKind.Relative), Yaml(Candidate), Cancel);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, backwards.StatusCode);
    }

    private async Task<Guid> Record(string? policy, OperationContext context, params (string, StatementFacts)[] statements)
    {
        if (policy is not null)
        {
            await host.Publish(policy);
        }
        var published = await host.Services.GetRequiredService<PolicySource>().Current(Cancel);
        return await RecordedSession.Append(host.Services.GetRequiredService<EventLog>(), published, context, statements);
    }

    private async Task<List<JsonElement>> Try(string candidate, string more = "")
    {
        using var auditor = host.Client("auditor", "auditors");
        using var answer = await auditor.PostAsync(new Uri(Endpoint + more, UriKind.Relative), Yaml(candidate), Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal("application/x-ndjson", answer.Content.Headers.ContentType?.MediaType);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonSerializer.Deserialize<JsonElement>(l))];
    }

    private async Task<string[]> Found(string query) =>
        [.. (await host.Get($"/v1/audit/operations?{query}")).GetProperty("items").EnumerateArray().Select(o => o.GetProperty("text").GetString()!)];

    private static StringContent Yaml(string text) => new(text, MediaTypeHeaderValue.Parse("application/yaml"));

    private static int Number(JsonElement of, string name) => of.GetProperty(name).GetInt32();
}
