using System.Text;
using AccessPlane.ControlPlane.Integrations;
using Xunit;

namespace AccessPlane.Tests.Unit.Integrations;

/// <summary>Signatures, by the examples of those who made them up.</summary>
public sealed class SignatureTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string SlackSecret = "8f742231b10e8888abcd99yyyzzz85a5";
    private const string SlackBody =
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner" +
        "&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

    private static readonly DateTimeOffset At = DateTimeOffset.FromUnixTimeSeconds(1531420618);

    [Fact]
    public void A_webhook_is_signed_as_standard_webhooks_has_it() => Assert.Equal(
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        WebhookSignature.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", DateTimeOffset.FromUnixTimeSeconds(1614265330), "{\"test\": 2432232314}"u8, [Secret]));

    [Fact]
    public void Two_secrets_give_two_signatures_in_their_order()
    {
        var other = $"whsec_{Convert.ToBase64String(new byte[32])}";
        var both = WebhookSignature.Sign("a", At, "b"u8, [Secret, other]).Split(' ');
        Assert.Equal([WebhookSignature.Sign("a", At, "b"u8, [Secret]), WebhookSignature.Sign("a", At, "b"u8, [other])], both);
    }

    [Theory]
    [InlineData("")]
    [InlineData("whsec_")]
    [InlineData("whsec_c2hvcnQ=")]
    [InlineData("whsec_not base64 at all, whatever it is")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    public void What_is_no_secret_signs_nothing(string text)
    {
        Assert.False(WebhookSignature.IsSecret(text));
        Assert.Throws<IOException>(() => WebhookSignature.Sign("a", At, "b"u8, [text]));
    }

    [Fact]
    public void Slack_is_believed_within_five_minutes_and_about_exactly_what_it_said()
    {
        const string signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        Assert.True(IsGood(SlackBody, "1531420618", signature, At));
        Assert.True(IsGood(SlackBody, "1531420618", signature, At.AddMinutes(5)));
        Assert.False(IsGood(SlackBody, "1531420618", signature, At.AddMinutes(5).AddSeconds(1)));
        Assert.False(IsGood(SlackBody, "1531420618", signature, At.AddMinutes(-6)));
        Assert.False(IsGood(SlackBody + "x", "1531420618", signature, At));
        Assert.False(IsGood(SlackBody, "1531420619", signature, At));
        Assert.All(new[] { "", "v0=", "v1=" + signature[3..], signature.ToUpperInvariant() }, bad => Assert.False(IsGood(SlackBody, "1531420618", bad, At)));
        Assert.All(new[] { "", "-1", "99999999999999999999", "1e9", "253402300800" }, bad => Assert.False(IsGood(SlackBody, bad, signature, At)));
    }

    private static bool IsGood(string body, string timestamp, string signature, DateTimeOffset now) =>
        SlackSignature.IsGood(SlackSecret, timestamp, Encoding.UTF8.GetBytes(body), signature, now);
}
