using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

/// <summary>Where PostgreSQL itself hides columns, what is read is the mask: nobody may write it over a value without noticing.</summary>
public sealed class MaskedWritesTests
{
    private static readonly MaskRule Ssn = new("ssn", "orders", ["*.customers.ssn"], [], MaskWith.Redact, new Who([], ["https://idp|fraud"], [], [], new Dictionary<string, string>()), Inference.Refuse);

    [Theory]
    [InlineData("update shop.customers set ssn = '1'", "the column `shop.customers.ssn` is masked for you, and so it cannot be written: leave it out")]
    [InlineData("insert into shop.customers (id, ssn) values (1, '2')", "the column `shop.customers.ssn` is masked for you, and so it cannot be written: leave it out")]
    [InlineData("update shop.customers set notes = ssn", "the column `shop.customers.ssn` is masked for you: what would be written is the mask, not the value")]
    [InlineData("update shop.pub set txt = c.ssn from shop.customers c", "the column `shop.customers.ssn` is masked for you: what would be written is the mask, not the value")]
    [InlineData("insert into shop.pub (id, txt) select id, 'x' || ssn from shop.customers", "the column `shop.customers.ssn` is masked for you: what would be written is the mask, not the value")]
    public void A_masked_column_is_neither_written_nor_written_elsewhere(string sql, string why)
    {
        var ruling = Judge(sql, "engineer");
        Assert.Equal((Effect.Deny, "ssn", why), (ruling.Effect, ruling.Deciding!.Rule, ruling.Deciding.Text));
        Assert.NotEqual(Effect.Deny, Judge(sql, "fraud").Effect);
    }

    [Theory]
    [InlineData("update shop.customers set notes = 'x' where ssn = 'y'")]
    [InlineData("update shop.customers set notes = name returning ssn")]
    [InlineData("insert into shop.customers (id, notes) values (1, 'x') returning *")]
    [InlineData("insert into shop.pub (id, txt) select id, name from shop.customers")]
    [InlineData("delete from shop.customers where ssn is null")]
    [InlineData("select ssn, upper(ssn) from shop.customers order by ssn")]
    public void Everything_else_is_the_databases_own_business(string sql)
    {
        var ruling = Judge(sql, "engineer");
        Assert.NotEqual(Effect.Deny, ruling.Effect);
        Assert.Empty(ruling.Masks);
    }

    private static Ruling Judge(string sql, string who)
    {
        var holder = new Actor("https://idp", who, who, ActorKind.Person, [], new Dictionary<string, string>(), []);
        var terms = new ResourceTerms("orders", "postgresql", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(5), Evidence.Buffered) { Masking = MaskingMode.Server };
        var policy = new PublishedPolicy(1, "", new PolicyModel([terms], [], PeopleDirectory.Empty) { Masks = [Ssn] });
        return Evaluator.Judge(new FactsOf()[sql], new OperationContext("orders", holder, "write", Scope.Any), policy);
    }
}
