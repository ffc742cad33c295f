using System.Text;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

public sealed class DetectorTests
{
    private static string Hide(string text, Detector detector)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Detectors.Hide(bytes, Detectors.Bits([detector]));
        return Encoding.UTF8.GetString(bytes);
    }

    [Theory]
    [InlineData(Detector.PaymentCard, "4111111111111111", "****************")]
    [InlineData(Detector.PaymentCard, "card 4111 1111 1111 1111, ok", "card *******************, ok")]
    [InlineData(Detector.PaymentCard, "5500-0000-0000-0004", "*******************")]
    [InlineData(Detector.PaymentCard, "378282246310005", "***************")]
    [InlineData(Detector.PaymentCard, "{\"n\":4111111111111111,\"s\":\"4111111111111111\"}", "{\"n\":1111111111111111,\"s\":\"****************\"}")]
    [InlineData(Detector.UsSsn, "ssn: 123-45-6789.", "ssn: ***********.")]
    [InlineData(Detector.Email, "write to zoe.s+x@secret.example, please", "write to **********************, please")]
    [InlineData(Detector.Email, "<a@b.co.uk>", "<*********>")]
    [InlineData(Detector.Email, "{\"e\":\"a@b.de\"}", "{\"e\":\"******\"}")]
    [InlineData(Detector.Phone, "call +49 30 1234567 now", "call ************** now")]
    [InlineData(Detector.Phone, "(555) 123-4567", "**************")]
    [InlineData(Detector.Phone, "555.123.4567", "************")]
    [InlineData(Detector.Iban, "DE89 3704 0044 0532 0130 00", "***************************")]
    [InlineData(Detector.Iban, "to GB82WEST12345698765432 today", "to ********************** today")]
    [InlineData(Detector.Jwt, "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123", "Bearer ************************************************")]
    [InlineData(Detector.Secret, "key=AKIAIOSFODNN7EXAMPLE;", "key=********************;")]
    [InlineData(Detector.Secret, "ghp_0123456789abcdefghijABCDEFGHIJ012345", "****************************************")]
    [InlineData(Detector.Secret, "xoxb-123456789012-abcdefGHIJKL", "******************************")]
    [InlineData(Detector.Secret, "a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "a *****************************************************************")]
    public void What_is_looked_for_is_hidden_in_place(Detector detector, string text, string hidden) => Assert.Equal(hidden, Hide(text, detector));

    [Theory]
    [InlineData(Detector.PaymentCard, "4111111111111112")] // Luhn
    [InlineData(Detector.PaymentCard, "411111111111")] // too short
    [InlineData(Detector.PaymentCard, "0000000000000000")]
    [InlineData(Detector.PaymentCard, "x4111111111111111")]
    [InlineData(Detector.PaymentCard, "4111111111111111a")]
    [InlineData(Detector.PaymentCard, "3.4111111111111111")]
    [InlineData(Detector.PaymentCard, "2024-01-01 00:00:00.123456")]
    [InlineData(Detector.UsSsn, "000-45-6789")]
    [InlineData(Detector.UsSsn, "666-45-6789")]
    [InlineData(Detector.UsSsn, "123-00-6789")]
    [InlineData(Detector.UsSsn, "123-45-0000")]
    [InlineData(Detector.UsSsn, "1123-45-6789")]
    [InlineData(Detector.UsSsn, "123-45-67890")]
    [InlineData(Detector.UsSsn, "0-123-45-6789")]
    [InlineData(Detector.UsSsn, "123 45-6789")]
    [InlineData(Detector.Email, "a@b")]
    [InlineData(Detector.Email, "@b.de")]
    [InlineData(Detector.Email, "a@.de")]
    [InlineData(Detector.Email, "1@2.34")]
    [InlineData(Detector.Email, "a @ b.de")]
    [InlineData(Detector.Phone, "5551234567")]
    [InlineData(Detector.Phone, "2024-01-15")]
    [InlineData(Detector.Phone, "192.168.100.200")]
    [InlineData(Detector.Phone, "+1234567")]
    [InlineData(Detector.Phone, "1+12345678901")]
    [InlineData(Detector.Iban, "DE88 3704 0044 0532 0130 00")]
    [InlineData(Detector.Iban, "DE8937040044")]
    [InlineData(Detector.Iban, "xDE89370400440532013000")]
    [InlineData(Detector.Jwt, "eyJhbGciOiJIUzI1NiJ9")]
    [InlineData(Detector.Jwt, "eyJhbGciOiJIUzI1NiJ9.abc.def")]
    [InlineData(Detector.Secret, "AKIAIOSFODNN7exampl")]
    [InlineData(Detector.Secret, "ghp_short")]
    [InlineData(Detector.Secret, "xAKIAIOSFODNN7EXAMPLE")]
    [InlineData(Detector.Secret, "-----BEGIN CERTIFICATE-----")]
    [InlineData(Detector.Secret, "sk_live_aaaaaaaaaaaaaaaaaaaa")]
    public void What_only_looks_like_it_stays(Detector detector, string text) => Assert.Equal(text, Hide(text, detector));

    [Fact]
    public void Several_kinds_in_one_text_are_counted()
    {
        var bytes = "a@b.de 4111111111111111 c@d.org"u8.ToArray();
        var hits = Detectors.Hide(bytes, Detectors.Bits([Detector.Email, Detector.PaymentCard]));
        Assert.Equal(3, hits.Count);
        Assert.Equal("****** **************** *******", Encoding.UTF8.GetString(bytes));
    }

    [Fact]
    public void Hostile_texts_take_no_longer_than_they_are_long()
    {
        const int all = (1 << 7) - 1;
        foreach (var part in new[] { "@", "a@", "a.", "1", "1 ", "4-", "+", "(", "eyJ", "eyJ.", "DE89", "AKIA", "ghp_", "-----BEGIN ", "-", "a@b.c@", "x@y." })
        {
            var text = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(part, Masker.Longest / part.Length)));
            var watch = System.Diagnostics.Stopwatch.StartNew();
            Detectors.Hide(text, all);
            Assert.True(watch.ElapsedMilliseconds < 2000, $"{part}: {watch.ElapsedMilliseconds} ms");
        }
    }

    [Fact]
    public void Nothing_is_allocated_for_a_value()
    {
        var text = "nothing to see here, 12 and 34, a-b, but a@b.de"u8.ToArray();
        var copy = new byte[text.Length];
        Assert.Equal(0, Allocated.InSteadyState(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                text.CopyTo(copy, 0);
                Detectors.Hide(copy, 127);
            }
        }));
    }
}
