using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Grants;

public sealed class IssueTicketTests : GrantSpec
{
    private static Func<Grant, Outcome> Order(Actor by, int connections = 1, string? database = null, Circumstances? world = null) =>
        s => IssueTicket.Decide(s, new TicketOrder(by, connections, database, "t_x", "verifier", "orders-agent", world ?? World.Today));

    [Fact]
    public void The_first_ticket_activates_the_grant_by_itself()
    {
        var issued = Given(Issued(Engineer)).When(Order(Engineer)).Then(typeof(GrantActivated), typeof(TicketIssued)).Happened<TicketIssued>();
        Assert.Equal("orders", issued.Database);
        Assert.Equal(World.Noon.AddSeconds(60), issued.FirstUseBy);
        Assert.Equal("orders-agent", issued.Agent);
    }

    [Fact]
    public void A_further_ticket_does_not_move_the_end()
    {
        var issued = Issued(Engineer);
        var ticket = Given(issued, Activated(issued)).When(Order(Engineer, world: World.Today.After("10m"))).Then(typeof(TicketIssued));
        Assert.Equal(World.Noon.AddHours(1), Assert.IsType<Grant.Active>(ticket.After).NotAfter);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(50, true)]
    [InlineData(51, false)]
    [InlineData(0, false)]
    [InlineData(-1, false)]
    public void Connections_are_from_one_to_what_the_entitlement_gives(int connections, bool allowed)
    {
        var order = Given(Issued(Engineer)).When(Order(Engineer, connections));
        if (allowed)
        {
            order.Then(typeof(GrantActivated), typeof(TicketIssued));
        }
        else
        {
            Assert.Contains("connections", order.ThenRefused("invalid").Refusal!.Errors!.Keys);
        }
    }

    [Fact]
    public void The_database_must_be_within_scope()
    {
        Given(Issued(Engineer)).When(Order(Engineer, database: "orders")).Then(typeof(GrantActivated), typeof(TicketIssued));
        Given(Issued(Engineer)).When(Order(Engineer, database: "payroll")).ThenRefused("invalid");
        Given(Issued(Engineer)).When(Order(Engineer, database: "Orders")).ThenRefused("invalid");
    }

    [Fact]
    public void Where_any_database_is_within_scope_it_must_be_named()
    {
        Given(Broken(OnCall)).When(Order(OnCall)).ThenRefused("invalid");
        Assert.Equal("any", Given(Broken(OnCall)).When(Order(OnCall, database: "any")).Happened<TicketIssued>().Database);
    }

    [Fact]
    public void Only_the_holder_gets_tickets()
    {
        Given(Issued(Engineer)).When(Order(Engineer2)).ThenRefused("no-such-grant");
        Given(Issued(Engineer)).When(Order(Assistant)).ThenRefused("no-such-grant");
        Given(Issued(Engineer), new GrantRevoked(Dba, "no")).When(Order(Engineer)).ThenRefused("grant-ended");
    }

    [Fact]
    public void No_ticket_after_the_end_even_before_the_timer()
    {
        var issued = Issued(Engineer);
        Given(issued, Activated(issued)).When(Order(Engineer, world: World.Today.After("1h"))).ThenRefused("grant-expired", typeof(GrantExpired));
    }

    [Fact]
    public void The_verifier_checks_the_password_as_rfc_7677_says_and_does_not_hold_it()
    {
        var secret = TicketSecret.Make();
        var parts = secret.Verifier.Split('$');
        var (iterations, salt) = (int.Parse(parts[1].Split(':')[0], System.Globalization.CultureInfo.InvariantCulture), Convert.FromBase64String(parts[1].Split(':')[1]));
        var salted = Rfc2898DeriveBytes.Pbkdf2(secret.Password, salt, iterations, HashAlgorithmName.SHA256, 32);
        var storedKey = SHA256.HashData(HMACSHA256.HashData(salted, Encoding.UTF8.GetBytes("Client Key")));
        Assert.Equal("SCRAM-SHA-256", parts[0]);
        Assert.Equal(Convert.ToBase64String(storedKey), parts[2].Split(':')[0]);
        Assert.Equal(Convert.ToBase64String(HMACSHA256.HashData(salted, Encoding.UTF8.GetBytes("Server Key"))), parts[2].Split(':')[1]);
        Assert.True(iterations >= 4096);
        Assert.DoesNotContain(secret.Password, secret.Verifier, StringComparison.Ordinal);
        Assert.DoesNotContain(secret.Password, secret.ToString(), StringComparison.Ordinal);
    }

    /// <summary>RFC 7677 §3: user `user`, password `pencil`.</summary>
    [Fact]
    public void The_verifier_of_the_rfcs_example_is_the_rfcs()
    {
        var verifier = TicketSecret.VerifierOf("pencil", Convert.FromBase64String("W22ZaJ0SNY7soEsUEjb6gQ=="));
        // client proof and server signature of the RFC's exchange follow from these two keys
        const string auth = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        var keys = verifier.Split('$')[^1].Split(':');
        var signature = HMACSHA256.HashData(Convert.FromBase64String(keys[1]), Encoding.ASCII.GetBytes(auth));
        Assert.Equal("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Convert.ToBase64String(signature));
    }

    [Fact]
    public void Secrets_are_unlike_each_other_and_safe_in_an_address()
    {
        var secrets = Enumerable.Range(0, 50).Select(_ => TicketSecret.Make()).ToList();
        Assert.Equal(50, secrets.Select(s => s.Password).Distinct().Count());
        Assert.Equal(50, secrets.Select(s => s.Name).Distinct().Count());
        Assert.All(secrets, s => Assert.Matches("^t_[a-z2-9]{20}$", s.Name));
        Assert.All(secrets, s => Assert.Matches("^apt_[A-Za-z0-9_-]{49}$", s.Password));
        // who finds one can tell that it is one, without asking anybody
        Assert.All(secrets, s => Assert.Equal(TicketSecret.WithChecksum(s.Password[..^6]), s.Password));
        Assert.Equal("apt_a_made_up_onefFtqHQ", TicketSecret.WithChecksum("apt_a_made_up_one"));
    }

    [Theory]
    [InlineData("db.example", false, false, "postgresql://NAME:PASSWORD@db.example:6432/or%20ders")]
    [InlineData("db.example", true, true, "postgresql://NAME:PASSWORD@db.example:6432/or%20ders?sslmode=require&channel_binding=require")]
    [InlineData("2001:db8::1", true, false, "postgresql://NAME:PASSWORD@[2001:db8::1]:6432/or%20ders?sslmode=verify-full")]
    public void The_address_can_be_pasted_and_asks_for_as_much_of_tls_as_there_is(string host, bool tls, bool binding, string expected)
    {
        var secret = TicketSecret.Make();
        var answer = TicketAnswer.Of(new Ticket(secret, new AgentEndpoint("orders", host, 6432, tls, binding), "or ders", DateTimeOffset.UnixEpoch, 1));
        Assert.Equal(expected.Replace("NAME", secret.Name, StringComparison.Ordinal).Replace("PASSWORD", secret.Password, StringComparison.Ordinal), answer.Url);
    }

    [Fact]
    public void No_secret_is_in_the_event() =>
        Assert.DoesNotContain("apt_", JsonSerializer.Serialize(Given(Issued(Engineer)).When(Order(Engineer)).Happened<TicketIssued>(), Json.Options), StringComparison.Ordinal);
}
