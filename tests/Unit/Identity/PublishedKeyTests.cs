using System.Buffers.Text;
using System.Security.Cryptography;
using AccessPlane.Contracts.Identity;
using Xunit;

namespace AccessPlane.Tests.Unit.Identity;

/// <summary>Which of its issuer's keys a token may be signed with: the same at both planes.</summary>
public sealed class PublishedKeyTests
{
    private static readonly PublishedKey Rsa = Of(2048);
    private static readonly PublishedKey Elliptic = new("e", "EC", "sig", null, "P-256", null, null);

    private static PublishedKey Of(int size)
    {
        using var rsa = RSA.Create(size);
        var key = rsa.ExportParameters(includePrivateParameters: false);
        return new PublishedKey("r", "RSA", "sig", null, null, Base64Url.EncodeToString(key.Modulus), Base64Url.EncodeToString(key.Exponent));
    }

    [Theory]
    [InlineData("RS256", true, false)]
    [InlineData("PS512", true, false)]
    [InlineData("ES256", false, true)]
    [InlineData("ES384", false, false)]
    [InlineData("HS256", false, false)]
    [InlineData("none", false, false)]
    public void A_key_is_used_for_algorithms_of_its_own_type_alone(string algorithm, bool rsa, bool elliptic) =>
        Assert.Equal((rsa, elliptic), (Rsa.Fits(algorithm), Elliptic.Fits(algorithm)));

    [Fact]
    public void A_key_for_something_else_that_is_too_short_or_that_is_none_is_not_used()
    {
        Assert.True((Rsa with { Use = null, Alg = "RS256" }).Fits("RS256"));
        Assert.False((Rsa with { Use = "enc" }).Fits("RS256"));
        Assert.False((Rsa with { Alg = "RS512" }).Fits("RS256"));
        Assert.False(Of(1024).Fits("RS256"));
        Assert.False((Rsa with { N = $"{new string('A', 400)}Aw" }).Fits("RS256")); // many zeros, and then a small number
        Assert.False((Rsa with { N = "not base64!" }).Fits("RS256"));
        Assert.False((Rsa with { N = "" }).Fits("RS256"));
        Assert.False((Rsa with { N = null }).Fits("RS256"));
    }

    [Fact]
    public void A_token_without_a_key_id_is_taken_only_where_there_is_no_choice()
    {
        static List<PublishedKey> Fitting(string? keyId, params PublishedKey[] keys) => PublishedKey.Fitting(keys, k => k, "RS256", keyId);

        var other = Rsa with { Kid = "other" };
        Assert.Equal([Rsa], Fitting(null, Rsa, Elliptic));
        Assert.Empty(Fitting(null, Rsa, other));
        Assert.Equal([other], Fitting("other", Rsa, other));
        Assert.Empty(Fitting("third", Rsa, other));
    }
}
