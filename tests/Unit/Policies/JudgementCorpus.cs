using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.ControlPlane.Policies;
using Xunit;

namespace AccessPlane.Tests.Policies;

/// <summary>tests/corpus/policy/judgements: documents, and what they rule of which facts.</summary>
public sealed record Judgement(
    string Name, StatementFacts Facts, ExpectedRuling Expect, IReadOnlyList<string>? Groups = null, IReadOnlyList<IReadOnlyList<string>>? Via = null,
    IReadOnlyList<string>? Scope = null, bool? InTransaction = null)
{
    public Actor Holder => Person("engineer", Groups ?? ["engineering"]) with { Act = [.. (Via ?? []).Select((groups, n) => Person($"assistant{n}", groups))] };

    public OperationContext Context => new("orders", Holder, "orders-write", new Scope([], Scope ?? []), InTransaction == true);

    public static (PolicyModel Model, IReadOnlyList<Judgement> Cases) Read(string folder, string document)
    {
        var reading = PolicyYaml.Read(File.ReadAllText(Path.Combine(folder, document + ".yaml")));
        Assert.Empty(reading.Problems);
        var cases = JsonSerializer.Deserialize<IReadOnlyList<Judgement>>(File.ReadAllText(Path.Combine(folder, document + ".json")), Json.Strict)!;
        return (reading.Model!, [.. cases.Select(c => c with { Facts = Followed(c.Facts) })]);
    }

    /// <summary>A case says which columns stand where; what follows from that for their values is the same for all.</summary>
    public static StatementFacts Followed(StatementFacts facts)
    {
        string[] At(params ColumnPlace[] places) => [.. facts.Columns.Where(c => places.Contains(c.Place)).Select(c => c.Column)];
        var inferred = At(ColumnPlace.Predicate, ColumnPlace.Ordering, ColumnPlace.Grouping, ColumnPlace.Expression);
        var shown = At(ColumnPlace.Output);
        return facts.Lineage is not null || facts.Unknown is not null ? facts : facts with
        {
            Outputs = [.. shown.Select(c => new OutputColumn("", [c], !c.EndsWith(".*", StringComparison.Ordinal)))],
            Lineage = new Lineage([.. facts.Columns.Select(c => c.Column)], [.. shown, .. inferred], inferred, [], []),
        };
    }

    private static Actor Person(string name, IReadOnlyList<string> groups) =>
        new("https://idp.example", name, name, ActorKind.Person, groups, new Dictionary<string, string>(), []);
}

/// <param name="Reasons">`rule effect`, with ` observed` where it is only watched.</param>
/// <param name="Hold">The rule whose terms hold it.</param>
/// <param name="Risk">Where it matters.</param>
public sealed record ExpectedRuling(
    Effect Effect, IReadOnlyList<string> Reasons, IReadOnlyList<string> Masks, long? MaxRows = null, string? Hold = null, int? Risk = null)
{
    public void Check(string name, Ruling ruling, PolicyModel model)
    {
        string[] reasons = [.. ruling.Reasons.Select(r => $"{r.Rule} {r.Effect.ToString().ToLowerInvariant()}{(r.Observed ? " observed" : "")}")];
        Assert.True(Reasons.SequenceEqual(reasons), $"{name}: {string.Join(", ", reasons)}");
        Assert.True(Effect == ruling.Effect, $"{name}: {ruling.Effect}");
        Assert.True(Masks.SequenceEqual(ruling.Masks.Select(m => m.Id)), $"{name}: {string.Join(", ", ruling.Masks.Select(m => m.Id))}");
        Assert.Equal(MaxRows, ruling.MaxRows?.Most);
        Assert.Equal(Hold is null ? null : model.Guardrails.Single(g => g.Id == Hold).Hold, ruling.Hold);
        Assert.True(Risk is null || Risk == ruling.Risk, $"{name}: {ruling.Risk}");
    }
}
