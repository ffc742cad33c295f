using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

/// <summary>That text can be read is seen to where pictures are taken; edges that mean something need 3:1 (WCAG AA).</summary>
public sealed class ColoursTests
{
    [Theory]
    [InlineData("bg")]
    [InlineData("card")]
    [InlineData("sunk")]
    public void An_edge_is_seen_on_whatever_it_lies_in_both_schemes(string ground)
    {
        using var css = new StreamReader(typeof(ConnectForms).Assembly.GetManifestResourceStream("console/console.css")!);
        var schemes = Regex.Matches(css.ReadToEnd(), @":root \{[^}]*\}")
            .Select(scheme => Regex.Matches(scheme.Value, "--([a-z-]+): #([0-9a-f]+);").ToDictionary(c => c.Groups[1].Value, c => Light(c.Groups[2].Value))).ToList();
        Assert.Equal(2, schemes.Count);
        Assert.All(schemes, colours => Assert.True(Contrast(colours["edge"], colours[ground]) >= 3, $"{Contrast(colours["edge"], colours[ground]):0.00}:1 on --{ground}"));
    }

    private static double Contrast(double one, double other) => (Math.Max(one, other) + 0.05) / (Math.Min(one, other) + 0.05);

    private static double Light(string colour)
    {
        var six = colour.Length == 3 ? string.Concat(colour.Select(c => $"{c}{c}")) : colour;
        double Channel(int at)
        {
            var c = byte.Parse(six.AsSpan(at, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return c <= 0.04045 ? c / 12.92 : Math.Pow((c + 0.055) / 1.055, 2.4);
        }
        return (0.2126 * Channel(0)) + (0.7152 * Channel(2)) + (0.0722 * Channel(4));
    }
}
