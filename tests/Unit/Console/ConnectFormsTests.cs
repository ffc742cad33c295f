using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

public sealed class ConnectFormsTests
{
    private static readonly DateTimeOffset Then = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private static Dictionary<string, string> Of(string url, string host = "db.example", string database = "orders", string password = "apt_s3cret") =>
        ConnectForms.Of(new TicketShape("t_1", password, host, 6432, database, Then, url)).ToDictionary(f => f.Client, f => f.Text);

    [Fact]
    public void Every_client_gets_what_it_can_paste_and_as_much_of_tls_as_the_ticket_says()
    {
        var forms = Of("postgresql://t_1:apt_s3cret@db.example:6432/orders?sslmode=require&channel_binding=require");
        Assert.Equal("psql 'postgresql://t_1:apt_s3cret@db.example:6432/orders?sslmode=require&channel_binding=require'", forms["psql"]);
        Assert.Equal("postgresql://t_1:apt_s3cret@db.example:6432/orders?sslmode=require&channel_binding=require", forms["URL"]);
        Assert.Equal("jdbc:postgresql://db.example:6432/orders?user=t_1&password=apt_s3cret&sslmode=require&channelBinding=require", forms["JDBC"]);
        Assert.Equal("Host=db.example;Port=6432;Database=orders;Username=t_1;Password=apt_s3cret;SSL Mode=Require;Channel Binding=Require", forms[".NET"]);
        Assert.EndsWith("SSL Mode=VerifyFull", Of("postgresql://x@h/d?sslmode=verify-full")[".NET"], StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_would_end_a_quotation_do_not()
    {
        var forms = Of("postgresql://t_1:x@[::1]:6432/it%27s", host: "::1", database: "it's; drop", password: "a;\"b");
        Assert.Equal("psql 'postgresql://t_1:x@[::1]:6432/it%27s'", forms["psql"]);
        Assert.Equal("postgresql://t_1:x@[::1]:6432/it%27s", forms["URL"]);
        Assert.Equal("jdbc:postgresql://[::1]:6432/it%27s%3B%20drop?user=t_1&password=a%3B%22b", forms["JDBC"]);
        Assert.Contains("Database=\"it's; drop\";Username=t_1;Password=\"a;\"\"b\"", forms[".NET"], StringComparison.Ordinal);
    }
}
