namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>The files that the tests are made from, as they are on this disk.</summary>
internal static class Repository
{
    private static readonly string Root = Above(AppContext.BaseDirectory);

    public static string PathOf(string name) => Path.Combine(Root, name);

    /// <param name="below">A folder; all of them if it is none.</param>
    public static IEnumerable<string> Files(string below = "") => FilesOf(PathOf(below));

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder).Concat(Directory.EnumerateDirectories(folder).Where(IsOurs).SelectMany(FilesOf));

    /// <summary>Neither made from what is here, nor fetched.</summary>
    private static bool IsOurs(string folder) => Path.GetFileName(folder) is not ("artifacts" or "bin" or "obj" or "node_modules") && !Path.GetFileName(folder).StartsWith('.');

    private static string Above(string folder) => File.Exists(Path.Combine(folder, "AccessPlane.sln"))
        ? folder
        : Above(Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests are not run from within the repository"));
}
