using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>Masks that PostgreSQL itself enforces: what a login sees that is in the group and nowhere else.</summary>
public sealed class MaskSchemasTests
{
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task A_login_in_the_group_sees_masks_where_there_are_secrets_and_everything_else_as_it_is(PgServer on)
    {
        await using var shop = await MaskDatabase.Shop(on);
        using var client = await shop.Login(await shop.Group());
        foreach (var (sql, rows) in new[]
        {
            ("select * from customers where id = 1", "1|Zoe|[redacted]|[redacted]|********2222|null|null|\"[redacted]\"|null|null|hello|gold|eu"),
            ("select * from pub where id = 3", "3|p3|3"),
            ("select * from shop.pub where id = 3", "3|p3|3"),
            ("select * from orders order by id", "1|1|[redacted]|50;2|2|[redacted]|70"),
            ("select * from events", "1|[redacted]|2024-05-05"),
            ("select * from events_2024", "1|[redacted]|2024-05-05"),
            ("select * from person", "1|[redacted]"),
            ("select * from employee", "1|[redacted]|Bob"),
            ("select c.name, o.amount from orders o join customers c on c.id = o.customer_id order by 1", "Yan|70;Zoe|50"),
            ("select * from shop.customers", "42501 permission denied for table customers"),
            ("select * from v_customers", "42501 permission denied for view v_customers"),
            ("select * from mv_customers", "42501 permission denied for materialized view mv_customers"),
            ("select f_secdef(1)", "42501 permission denied for function f_secdef"),
            ("select f_get(1)", "42501 permission denied for table customers"),
            ("update customers set name = 'x' where id = 1", "42501 permission denied for view customers"),
        })
        {
            Assert.Equal((sql, rows), (sql, await MaskDatabase.See(client, sql)));
        }
    }
}
