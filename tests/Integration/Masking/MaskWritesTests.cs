using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>What a masked session can write: everything that tells nothing of a masked value.</summary>
public sealed class MaskWritesTests
{
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Clear_columns_can_be_written_and_masked_ones_cannot(PgServer on)
    {
        await using var shop = await MaskDatabase.Shop(on);
        using var client = await shop.Login(await shop.Group(login: shop.Writing));
        foreach (var (sql, said) in new[]
        {
            ("update customers set name = 'Zoë' where id = 1 returning name, ssn", "Zoë|[redacted]"),
            ("insert into orders (id, customer_id, amount) values (3, 1, 7) returning *", "3|1|[redacted]|7"),
            ("insert into customers (id, name, region) values (900, 'New', 'eu') returning id, ssn", "900|[redacted]"),
            ("delete from orders where id = 3 returning id", "3"),
            ("insert into pub values (99, 'x', 1) returning id", "99"),
            ("update shop.pub set n = 2 where id = 99 returning n", "2"),
            ("select nextval('seq1')", "1"),
        })
        {
            Assert.Equal((sql, said), (sql, await MaskDatabase.See(client, sql)));
        }
        foreach (var sql in new[]
        {
            "update customers set ssn = '1' where id = 1", "insert into customers (id, name, region, ssn) values (901, 'x', 'eu', '900-11-2233')", "update orders set customer_ssn = '900-11-2233'",
            "delete from customers where id = 900", // whether it may go would depend on whether its number is referred to
            "update shop.customers set name = 'x'", "truncate orders", "truncate shop.orders", "update v_customers set name = 'x'",
        })
        {
            Assert.Matches("^(42501|0A000|42809) ", await MaskDatabase.See(client, sql)); // no privilege, or not of a view
        }
        Assert.Equal("Zoë 900-11-2233", await shop.Ask("select name || ' ' || ssn from shop.customers where id = 1"));
    }

    [Fact]
    public async Task Writes_that_would_tell_of_masked_values_are_withheld()
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Directly("alter table shop.customers add constraint paid check (salary > 0 or tier is not null); create unique index one_each on shop.customers (region, ssn)",
            "create function shop.shout() returns trigger language plpgsql as $$begin raise notice '%', old; return new; end$$",
            "create trigger shout before update on shop.orders for each row execute function shop.shout()");
        var outcome = await shop.Ready(login: shop.Writing);
        Assert.True(outcome.Group is not null, outcome.Unavailable);
        Assert.Contains(outcome.Findings, f => f.Class == "withheld" && f.Through == "\"shop\".\"orders\"");
        using (var client = await shop.Login(outcome.Group))
        {
            Assert.StartsWith("42501", await MaskDatabase.See(client, "update customers set tier = 'gold' where id = 1"), StringComparison.Ordinal);
            Assert.StartsWith("42501", await MaskDatabase.See(client, "update customers set region = 'us' where id = 1"), StringComparison.Ordinal);
            Assert.StartsWith("42501", await MaskDatabase.See(client, "update orders set amount = 1"), StringComparison.Ordinal);
            Assert.Equal("x", await MaskDatabase.See(client, "update customers set notes = 'x' where id = 1 returning notes"));
        }
        await shop.Directly("comment on function shop.shout() is 'accessplane:reviewed'");
        using var again = await shop.Login(await shop.Group(login: shop.Writing));
        Assert.Equal("1", await MaskDatabase.See(again, "update orders set amount = 1 where id = 1 returning amount"));
    }

    [Fact]
    public async Task A_login_has_what_its_terms_say_and_no_more()
    {
        await using var shop = await MaskDatabase.Shop();
        await shop.Directly($"create table shop.inner_table (x int); alter table shop.inner_table owner to {shop.Role}; create role {shop.Role}_col; grant usage on schema shop to {shop.Role}_col",
            $"grant select (id, name, ssn) on shop.customers to {shop.Role}_col; grant select (id) on shop.pub to {shop.Role}_col");
        try
        {
            using var column = await shop.Login(await shop.Group(login: new LoginTerms([shop.Role + "_col"], [])));
            Assert.Equal("1|Zoe|[redacted]", await MaskDatabase.See(column, "select id, name, ssn from customers where id = 1"));
            Assert.StartsWith("42501", await MaskDatabase.See(column, "select card from customers"), StringComparison.Ordinal);
            Assert.Equal("3", await MaskDatabase.See(column, "select id from pub where id = 3"));
            Assert.StartsWith("42501", await MaskDatabase.See(column, "select txt from pub"), StringComparison.Ordinal);
            using var reading = await shop.Login(await shop.Group(login: new LoginTerms([shop.Writers], ["select"])));
            Assert.StartsWith("42501", await MaskDatabase.See(reading, "update customers set name = 'x'"), StringComparison.Ordinal);
            Assert.StartsWith("42501", await MaskDatabase.See(reading, "select * from inner_table"), StringComparison.Ordinal);
            using var everything = await shop.Login(await shop.Group(login: new LoginTerms([], ["select"])));
            Assert.Equal("", await MaskDatabase.See(everything, "select * from inner_table"));
            using var unmasked = await shop.Login(await shop.Group([], shop.Reading));
            Assert.Equal("900-11-2233", await MaskDatabase.See(unmasked, "select ssn from customers where id = 1"));
        }
        finally
        {
            await shop.Directly($"drop owned by {shop.Role}_col", $"drop role {shop.Role}_col");
        }
    }
}
