using System.CommandLine;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;

namespace AccessPlane.Cli.Policies;

/// <summary>`policy`: the document by which everything is decided.</summary>
internal static class PolicyCommands
{
    public static Command Define() => new("policy", "The document by which everything is decided")
    {
        ShowPolicy.Define(), ValidatePolicy.Define(), DiffPolicy.Define(), TryPolicy.Define(), PublishPolicy.Define(),
    };

    public static Argument<string> Document() => new Argument<string>("file") { Description = "The document (YAML)" }.NotEmpty();

    public static byte[] Read(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception bad) when (bad is IOException or UnauthorizedAccessException)
        {
            throw new StopException(Exit.Usage, $"`{file}` cannot be read: {bad.Message}", "name a policy document");
        }
    }
}
