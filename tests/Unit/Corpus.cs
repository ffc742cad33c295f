namespace AccessPlane.Tests.Unit;

/// <summary>Files of tests/corpus, copied beside the test executable.</summary>
public static class Corpus
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "corpus");

    /// <summary>The lines of a file, without empty ones and comments.</summary>
    public static string[] Lines(string file) =>
        [.. File.ReadAllLines(Path.Combine(Folder, file)).Where(l => l.Length > 0 && l[0] != '#')];
}
