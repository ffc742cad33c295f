using System.Text.Json;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class ScreenTests : IDisposable
{
    private readonly Around around = new();

    public void Dispose() => around.Dispose();

    private Screen Make(bool terminal = false, bool json = false) => new(around.Surroundings(terminal), json);

    private static readonly Cell[] Row = ["4a290415", Cell.State("Active"), "orders-write", "Erin Engineer", "\u001b[2Jbecause order 4711 shows a total that cannot be, and nobody knows why it does so"];

    [Fact]
    public void A_table_fits_80_columns_and_has_no_blanks_at_its_line_ends()
    {
        Make().Table(["id", "state", "entitlement", "who", "why"], [Row, Row]);
        var lines = around.Out.ToString().TrimEnd('\n').Split('\n');
        Assert.StartsWith("ID        STATE   ENTITLEMENT   WHO            WHY", lines[0], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.True(line.Length <= 80 && line == line.TrimEnd(), line));
    }

    [Fact]
    public void There_are_no_colours_where_no_terminal_is()
    {
        Make().Table(["id", "state", "entitlement", "who", "why"], [Row]);
        Make().Line("done", "good");
        Assert.DoesNotContain('\u001b', around.Out.ToString());
    }

    [Fact]
    public void There_are_no_colours_where_none_are_wanted()
    {
        around.Variables["NO_COLOR"] = "1";
        Make(terminal: true).Line("done", "good");
        Make(terminal: true).Table(["id", "state", "entitlement", "who", "why"], [Row]);
        Assert.DoesNotContain('\u001b', around.Out.ToString());
    }

    [Fact]
    public void On_a_terminal_there_are_and_what_others_wrote_is_spelled_out_all_the_same()
    {
        Make(terminal: true).Line("done \u001b[2J", "good");
        Assert.Equal("\u001b[32mdone ⟨U+001B⟩[2J\u001b[0m\n", around.Out.ToString());
    }

    [Fact]
    public async Task With_json_the_output_is_one_document_and_the_words_go_elsewhere()
    {
        var screen = Make(json: true);
        screen.Line("for people");
        screen.Table(["id"], [["1"]]);
        screen.Say("a word");
        Assert.Equal(7, await screen.While("waiting", _ => Task.FromResult(7)));
        screen.Document(new { text = "\u001b\u202e" });
        Assert.Equal("\u001b\u202e", JsonSerializer.Deserialize<JsonElement>(around.Out.ToString()).GetProperty("text").GetString());
        Assert.All(around.Out.ToString(), c => Assert.True(c is >= ' ' and <= '~' or '\n'));
        Assert.Equal("a word\nwaiting\n", around.Error.ToString());
    }
}
