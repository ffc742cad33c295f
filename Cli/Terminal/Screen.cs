using System.Text.Json;
using AccessPlane.Contracts;
using Spectre.Console;

namespace AccessPlane.Cli.Terminal;

/// <param name="Tone">`good`, `wait`, `bad`, `mask` or `plain`: <see cref="Words.Tone"/>.</param>
internal readonly record struct Cell(string Text, string Tone = "plain")
{
    public static implicit operator Cell(string text) => new(text);

    /// <summary>A state, a verdict or an outcome, in its colour.</summary>
    public static Cell State(string state) => new(Words.Kind(state), Words.Tone(state));
}

/// <summary>Where commands write. What they found goes to the output, what they have to say besides to the error stream, so that a pipe gets the one alone.
/// INVARIANT: nothing leaves but by here, and here everything is made printable.</summary>
internal sealed class Screen(Surroundings around, bool json)
{
    private static readonly JsonSerializerOptions Indented = new(Json.Options) { WriteIndented = true };
    private readonly IAnsiConsole messages = Console(around.Error, around.ErrorIsTerminal && around.WantsColour, around.Width);

    public bool IsJson => json;

    /// <summary>A line of what was asked for; none with `--json`.</summary>
    public void Line(string text, string tone = "plain")
    {
        if (!json)
        {
            Write(around.Out, around.OutIsTerminal, text, tone);
        }
    }

    /// <summary>A word besides.</summary>
    public void Say(string text, string tone = "plain") => Write(around.Error, around.ErrorIsTerminal, text, tone);

    public void Table(IReadOnlyList<string> headings, IEnumerable<Cell[]> rows)
    {
        if (json)
        {
            return;
        }
        var table = new Table().Border(TableBorder.None).HideFooters();
        foreach (var (heading, i) in headings.Select((h, i) => (h, i)))
        {
            var column = new TableColumn(new Text(heading.ToUpperInvariant(), new Style(decoration: Decoration.Dim))) { Padding = new Padding(0, 0, i == headings.Count - 1 ? 0 : 2, 0) };
            table.AddColumn(i < headings.Count - 1 ? column.NoWrap() : column);
        }
        foreach (var row in rows)
        {
            table.AddRow(row.Select(c => new Text(Printable.Line(c.Text), StyleOf(c.Tone))));
        }
        // what fills up the last column would be blanks at line ends, for whoever copies or compares it
        using var drawn = new StringWriter();
        Console(drawn, around.OutIsTerminal && around.WantsColour, around.Width).Write(table);
        foreach (var line in drawn.ToString().TrimEnd('\n').Split('\n'))
        {
            around.Out.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>The one document of `--json`; nothing without.</summary>
    public void Document(object document)
    {
        if (json)
        {
            around.Out.WriteLine(Printable.Json(JsonSerializer.Serialize(document, Indented)));
        }
    }

    /// <summary>One of many documents, a line each: of what never ends. Nothing without `--json`.</summary>
    public void DocumentLine(object document)
    {
        if (json)
        {
            around.Out.WriteLine(Printable.Json(JsonSerializer.Serialize(document, Json.Options)));
        }
    }

    /// <summary>What was asked for and must reach another program as it is.</summary>
    public void Raw(string text) => around.Out.WriteLine(Printable.Of(text));

    /// <summary>Does something that takes its time: with a spinner where somebody looks, with a line for each thing that is said otherwise.</summary>
    public async Task<T> While<T>(string text, Func<Action<string>, Task<T>> work)
    {
        if (around.ErrorIsTerminal && around.WantsColour && !json)
        {
            return await messages.Status().Spinner(Spinner.Known.Line).StartAsync(
                Markup.Escape(Printable.Line(text)), status => work(said => status.Status(Markup.Escape(Printable.Line(said)))));
        }
        Say(text);
        return await work(said => Say(said));
    }

    /// <summary>A line stays one, however long: terminals wrap it, and pipes search it.</summary>
    private void Write(TextWriter writer, bool isTerminal, string text, string tone)
    {
        var code = tone switch { "good" => 32, "wait" => 33, "bad" => 31, "mask" => 34, "dim" => 2, _ => 0 };
        writer.WriteLine(code > 0 && isTerminal && around.WantsColour ? $"\e[{code}m{Printable.Of(text)}\e[0m" : Printable.Of(text));
    }

    private static Style StyleOf(string tone) => tone switch
    {
        "good" => new Style(Color.Green),
        "wait" => new Style(Color.Yellow),
        "bad" => new Style(Color.Red),
        "mask" => new Style(Color.Blue),
        "dim" => new Style(decoration: Decoration.Dim),
        _ => Style.Plain,
    };

    private static IAnsiConsole Console(TextWriter writer, bool colour, int width)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = colour ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = colour ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = colour ? InteractionSupport.Yes : InteractionSupport.No,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = width;
        return console;
    }
}
