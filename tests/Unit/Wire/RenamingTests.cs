using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Tests.Unit.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Views in the place of the relations that a text names with their schema.</summary>
public sealed class RenamingTests
{
    private static readonly PgViews Views = new("\"m_shop\", shop", new Dictionary<string, string> { ["shop.customers"] = "m_shop", ["Odd \"one\".t"] = "m_odd" });

    [Theory]
    [InlineData("select ssn from customers", "select ssn from customers")]
    [InlineData("select ssn from shop.pub", "select ssn from shop.pub")]
    [InlineData("select ssn from shop.customers", "select ssn from \"m_shop\".customers")]
    [InlineData("select ssn from Shop.CUSTOMERS c", "select ssn from \"m_shop\".CUSTOMERS c")]
    [InlineData("select ssn from \"shop\" /* ' */ . \"customers\"", "select ssn from \"m_shop\" /* ' */ . \"customers\"")]
    [InlineData("select shop.customers.ssn, shop.customers.* from shop.customers", "select \"m_shop\".customers.ssn, \"m_shop\".customers.* from \"m_shop\".customers")]
    [InlineData("select 'shop.customers', $$shop.customers$$ -- shop.customers\nfrom shop.customers", "select 'shop.customers', $$shop.customers$$ -- shop.customers\nfrom \"m_shop\".customers")]
    [InlineData("select 'ü' ü, c.id from shop.customers c", "select 'ü' ü, c.id from \"m_shop\".customers c")]
    [InlineData("update shop.customers set notes = '' where id = 1 returning shop.customers.ssn", "update \"m_shop\".customers set notes = '' where id = 1 returning \"m_shop\".customers.ssn")]
    [InlineData("insert into shop.customers (id) values (1)", "insert into \"m_shop\".customers (id) values (1)")]
    [InlineData("delete from shop.customers; select 1 from shop.customers", "delete from \"m_shop\".customers; select 1 from \"m_shop\".customers")]
    [InlineData("copy (select * from shop.customers) to stdout", "copy (select * from \"m_shop\".customers) to stdout")]
    [InlineData("copy shop.customers (id) to stdout", "copy \"m_shop\".customers (id) to stdout")]
    [InlineData("prepare p as select * from shop.customers", "prepare p as select * from \"m_shop\".customers")]
    [InlineData("explain select * from shop.customers", "explain select * from \"m_shop\".customers")]
    [InlineData("with c as (select * from shop.customers) select * from c", "with c as (select * from \"m_shop\".customers) select * from c")]
    [InlineData("select * from \"Odd \"\"one\"\"\".t", "select * from \"m_odd\".t")]
    [InlineData("select * from db.shop.customers", "select * from db.shop.customers")] // the server refuses it: no privilege there
    [InlineData("select * from U&\"sh\\006Fp\".customers", "select * from U&\"sh\\006Fp\".customers")]
    public void A_name_with_its_schema_becomes_that_of_the_view(string came, string sent)
    {
        var text = TextOf(came);
        Assert.Equal(sent, Encoding.UTF8.GetString(Views.Of(text)));
        Assert.Equal(came == sent, ReferenceEquals(text.Text, Views.Of(text)));
        Assert.Same(Views.Of(text), Views.Of(text));
    }

    [Theory]
    [InlineData("select nothing, 'ü' from shop.customers", "nothing")]
    [InlineData("select 'ü' from shop.customers where nothing = 1", "nothing")]
    [InlineData("select 1 from shop.customers a, shop.customers b where ü = nothing", "nothing")]
    public void An_error_behind_such_a_name_is_told_where_the_client_wrote_it(string came, string what)
    {
        var text = TextOf(came);
        var sent = Encoding.UTF8.GetString(Views.Of(text));
        var error = PgError.Of("ERROR", "42703", "no such column")[PgFrame.Header..^1];
        byte[] body = [.. error, (byte)'P', .. Encoding.ASCII.GetBytes($"{sent.IndexOf(what, StringComparison.Ordinal) + 1}"), 0, 0];
        var relocated = Views.Relocate(text, body)!;
        Assert.Equal($"{came.IndexOf(what, StringComparison.Ordinal) + 1}", Encoding.ASCII.GetString(PgError.Field(relocated.AsSpan(PgFrame.Header), 'P')));
        Assert.Equal("no such column", Encoding.ASCII.GetString(PgError.Field(relocated.AsSpan(PgFrame.Header), 'M')));
    }

    private static PgText TextOf(string sql) => new(Encoding.UTF8.GetBytes(sql), new FactsOf()[sql]);
}
