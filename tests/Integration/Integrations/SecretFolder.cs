using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>Files that only a test and the control plane know of.</summary>
internal sealed class SecretFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("accessplane-integrations-").FullName;

    public static string NewWebhookSecret() => $"whsec_{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

    public string Write(string name, string text)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, text + "\n");
        return path;
    }

    /// <summary>What any destination of these tests has: short pauses.</summary>
    public static string[] Destination(string name, params string[] settings) =>
        [.. settings.Append("FirstPause=00:00:00.050").Append("LongestPause=00:00:00.200").Append("Timeout=00:00:05")
            .DistinctBy(s => s.Split('=')[0]).Select(s => $"--Integrations:Destinations:{name}:{s}")];

    /// <summary>A new destination is told what happens from its beginning on: until each of these has begun.</summary>
    public static async Task Begun(ControlPlaneHost host, IReadOnlyCollection<string> settings)
    {
        var names = settings.Select(s => s.Split(':')).Where(s => s[0] == "--Integrations").Select(s => $"integration/{s[2]}").Distinct().ToArray();
        await Receiver.Until(async () =>
        {
            await using var begun = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("select count(*) from accessplane.mt_event_progression where name = any($1)");
            begun.Parameters.AddWithValue(names);
            return (long)(await begun.ExecuteScalarAsync(TestContext.Current.CancellationToken))! == names.Length;
        }, () => $"not all of {string.Join(", ", names)} have begun");
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
