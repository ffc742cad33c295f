using System.Security.Cryptography;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class HashChainTests
{
    private static readonly Guid Session = new("0199aaaa-0000-7000-8000-000000000001");

    private static Segment Sealed(ECDsa key, params string[] lines)
    {
        var head = HashChain.Begin(Session);
        var previous = Convert.ToHexStringLower(head);
        foreach (var line in lines)
        {
            HashChain.Advance(head, System.Text.Encoding.UTF8.GetBytes(line));
        }
        return new Segment(Session, "a", 1, 1, lines.Length, previous, Convert.ToHexStringLower(head), false, string.Join('\n', lines) + "\n", "").SignWith(key);
    }

    [Fact]
    public void A_sealed_segment_checks_out_with_the_agents_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Null(Sealed(key, """{"seq":1}""", """{"seq":2}""").WhyInvalid(key));
    }

    [Fact]
    public void Any_change_to_a_sealed_segment_shows()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var good = Sealed(key, """{"seq":1}""", """{"seq":2}""");
        Assert.All(
            new[]
            {
                good with { Entries = good.Entries.Replace("2", "3", StringComparison.Ordinal) },
                good with { Entries = """{"seq":1}""" + "\n" },
                good with { Entries = """{"seq":2}""" + "\n" + """{"seq":1}""" + "\n" },
                good with { Final = true },
                good with { Number = 2 },
                good with { Signature = "" },
                good.SignWith(other),
                (good with { Entries = good.Entries + """{"seq":3}""" + "\n" }).SignWith(key),
            },
            tampered => Assert.NotNull(tampered.WhyInvalid(key)));
    }

    [Fact]
    public void An_exported_line_gives_its_canonical_bytes_back()
    {
        var line = HashChain.Export("""{"seq":1,"at":"x"}""", new byte[32]);
        Assert.Equal("""{"seq":1,"at":"x","hash":"0000000000000000000000000000000000000000000000000000000000000000"}""", line);
    }
}
