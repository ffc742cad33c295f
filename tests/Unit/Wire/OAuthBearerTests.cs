using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>The one message in which a client's token comes (RFC 7628): read exactly, or malformed.</summary>
public sealed class OAuthBearerTests
{
    [Theory]
    [InlineData("n,,\u0001auth=Bearer abc.def-1~2+3/4==\u0001\u0001", "abc.def-1~2+3/4==")]
    [InlineData("y,,\u0001auth=bearer   abc\u0001\u0001", "abc")]
    [InlineData("n,,\u0001host=db.example\u0001port=5432\u0001auth=Bearer abc\u0001\u0001", "abc")]
    [InlineData("n,,\u0001auth=\u0001\u0001", "")] // it asks where to get one
    public void A_token_is_taken_as_it_is_meant(string message, string token) => Assert.Equal(token, OAuthBearer.TokenIn(message));

    [Theory]
    [InlineData("")]
    [InlineData("n,,")]
    [InlineData("\u0001")]
    [InlineData("n,,\u0001\u0001")] // nothing that proves anything
    [InlineData("n,,\u0001auth=Bearer abc\u0001")]
    [InlineData("n,,\u0001auth=Bearer abc\u0001\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer abc\u0001\u0001auth=Bearer def\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer abc\u0001auth=Bearer def\u0001\u0001")] // which of them?
    [InlineData("n,,\u0001auth=\u0001auth=Bearer def\u0001\u0001")]
    [InlineData("n,,\u0001auth=Basic abc\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer \u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer ==\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer a=b\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer a b\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer a\u0000b\u0001\u0001")]
    [InlineData("n,,\u0001auth=Bearer \u00e4\u0001\u0001")]
    [InlineData("n,,\u0001Bearer abc\u0001\u0001")]
    [InlineData("n,,\u0001=Bearer abc\u0001\u0001")]
    [InlineData("n,a=admin,\u0001auth=Bearer abc\u0001\u0001")] // nobody acts for others but by their token
    [InlineData("p=tls-server-end-point,,\u0001auth=Bearer abc\u0001\u0001")]
    public void What_is_no_such_message_has_no_token(string message) => Assert.Null(OAuthBearer.TokenIn(message));

    [Fact]
    public void Whatever_happened_to_a_message_it_is_read_or_malformed()
    {
        var noise = new Noise(7);
        var message = System.Text.Encoding.UTF8.GetBytes("n,,\u0001host=x\u0001auth=Bearer abc.def\u0001\u0001");
        for (var i = 0; i < 20_000; i++)
        {
            Assert.Matches(@"^[A-Za-z0-9._~+/=-]*\z", OAuthBearer.TokenIn(System.Text.Encoding.UTF8.GetString(noise.Mutated(message))) ?? "");
        }
    }

    [Theory]
    [InlineData("oauth", "oauth")]
    [InlineData("oauth+read-orders", "read-orders")]
    [InlineData("oauth+", "")]
    [InlineData("oauth2", null)]
    [InlineData("OAUTH", null)]
    [InlineData("read-orders", null)]
    [InlineData("", null)]
    public void The_user_name_says_that_it_comes_this_way_and_what_for(string user, string? name) => Assert.Equal(name, OAuthBearer.NameIn(user));
}
