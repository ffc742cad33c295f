using System.Globalization;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>What the agent holds, counted from outside.</summary>
internal sealed record Held(int Files, int Backends, long Memory)
{
    /// <summary>Files that the agent opens and closes in its own time: a spool file, a connection to the broker that comes back.</summary>
    private const int OfItsOwn = 10;

    /// <summary>What sessions that are counted call themselves.</summary>
    public const string Application = "crowd";

    public static Held Nothing { get; } = new(int.MaxValue - OfItsOwn, 0, 0);

    public static async Task<Held> Now()
    {
        var agent = TestWorld.ProcessOf("orders-agent");
        var status = await File.ReadAllLinesAsync($"/proc/{agent}/status", TestContext.Current.CancellationToken);
        // what it has asked for: pages of its own program come and go with what of it runs
        var memory = status.First(l => l.StartsWith("RssAnon:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new Held(
            Directory.GetFileSystemEntries($"/proc/{agent}/fd").Length,
            (int)await TestWorld.Ask<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{Application}'"),
            long.Parse(memory[1], CultureInfo.InvariantCulture) << 10);
    }

    /// <summary>Sessions end on both sides a moment after the client has gone: until no more is held than before.</summary>
    public static async Task<Held> Settled(Held before)
    {
        var now = await Now();
        await Wait.Until(async () =>
        {
            now = await Now();
            return now.Backends == 0 && now.Files <= before.Files + OfItsOwn;
        }, 30, () => $"before {before}, still {now}");
        return now;
    }

    public override string ToString() => $"{Files} files, {Backends} backends, {Memory >> 20} MiB";
}
