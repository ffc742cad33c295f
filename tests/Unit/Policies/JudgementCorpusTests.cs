using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Policies;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

public sealed class JudgementCorpusTests
{
    private static readonly string Folder = Path.Combine(Corpus.Folder, "policy", "judgements");

    public static TheoryData<string> Documents => [.. Directory.GetFiles(Folder, "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f)!)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void The_evaluator_rules_as_the_corpus_says(string document)
    {
        var (model, cases) = Judgement.Read(Folder, document);
        var policy = new PublishedPolicy(7, "", model);
        Assert.All(cases, c => c.Expect.Check(c.Name, Evaluator.Judge(c.Facts, c.Context, policy), model));
        Assert.All(cases, c => Assert.Equal(7, Evaluator.Judge(c.Facts, c.Context, policy).PolicyVersion));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void An_agents_permit_rules_as_the_corpus_says(string document)
    {
        var (model, cases) = Judgement.Read(Folder, document);
        var world = new AgentWorld();
        world.Apply(new PublishedPolicy(7, "", model));
        foreach (var c in cases)
        {
            var grant = AgentWorld.Grant(world.Time.Wall.AddHours(1)) with { Entitlement = c.Context.Entitlement, Holder = c.Holder, Scope = c.Context.Scope };
            world.Apply(grant);
            using var permit = world.Admit(grant);
            var ruling = permit.Judge(c.Facts, c.Context.InTransaction);
            c.Expect.Check(c.Name, ruling, model);
            Assert.Same(ruling, permit.Judge(c.Facts, c.Context.InTransaction));
        }
    }
}
