using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Console;

/// <summary>That text can be read is seen to where pictures are taken; edges, rings and bars that mean something need 3:1, hints 4.5:1 (WCAG AA).</summary>
public sealed class ColoursTests
{
    private static readonly string[] Grounds = ["bg", "card", "sunk"];

    /// <summary>A field's edge, the ring around what has the focus, what is marked on cards and tracks and drawn in charts; hints in empty fields.</summary>
    [Theory]
    [InlineData("edge", 3.0)]
    [InlineData("accent", 3.0)]
    [InlineData("good", 3.0)]
    [InlineData("wait", 3.0)]
    [InlineData("bad", 3.0)]
    [InlineData("muted", 4.5)]
    public void What_means_something_is_seen_on_whatever_it_lies_in_both_schemes(string colour, double least)
    {
        foreach (var colours in Schemes)
        {
            Assert.All(Grounds, ground => IsSeen(colours, colour, ground, least));
        }
    }

    /// <summary>What is left of a bar, and what is chosen in a row of buttons.</summary>
    [Theory]
    [InlineData("accent", "line")]
    [InlineData("accent", "accent-soft")]
    [InlineData("edge", "accent-soft")]
    public void What_lies_on_a_colour_is_seen_there(string colour, string ground) => Assert.All(Schemes, colours => IsSeen(colours, colour, ground, 3));

    private static void IsSeen(Dictionary<string, double> colours, string colour, string ground, double least)
    {
        var ratio = Contrast(colours[colour], colours[ground]);
        Assert.True(ratio >= least, $"--{colour} has {ratio:0.00}:1 on --{ground}");
    }

    /// <summary>Light and dark, by the names of the colours.</summary>
    private static List<Dictionary<string, double>> Schemes
    {
        get
        {
            using var css = new StreamReader(typeof(ConnectForms).Assembly.GetManifestResourceStream("console/console.css")!);
            var schemes = Regex.Matches(css.ReadToEnd(), @":root \{[^}]*\}")
                .Select(scheme => Regex.Matches(scheme.Value, "--([a-z-]+): #([0-9a-f]+);").ToDictionary(c => c.Groups[1].Value, c => Light(c.Groups[2].Value))).ToList();
            Assert.Equal(2, schemes.Count);
            return schemes;
        }
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
