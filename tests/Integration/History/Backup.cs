using AccessPlane.Tests.Integration.Wire;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.History;

/// <summary>A backup of a log as operators make it, and its restoring in the log's place.</summary>
internal sealed class Backup : IDisposable
{
    private readonly string file = Path.GetTempFileName();
    private readonly NpgsqlConnectionStringBuilder at;

    private Backup(string connection) => at = new NpgsqlConnectionStringBuilder(connection);

    private Dictionary<string, string> Environment => new()
    {
        ["PGHOST"] = at.Host!,
        ["PGPORT"] = at.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["PGUSER"] = at.Username!,
        ["PGPASSWORD"] = at.Password!,
        ["PGDATABASE"] = at.Database!,
    };

    public static async Task<Backup> Make(string connection)
    {
        var backup = new Backup(connection);
        await backup.Run("pg_dump", "--file", backup.file);
        return backup;
    }

    /// <summary>Beside it first: whoever still runs on the log must not write into what is half restored.</summary>
    public async Task Restore()
    {
        var beside = $"{at.Database}_restored";
        await OnServer($"create database {beside}");
        await Run("psql", "--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--dbname", beside, "--file", file);
        await OnServer($"drop database {at.Database} with (force)");
        await OnServer($"alter database {beside} rename to {at.Database}");
    }

    public void Dispose() => File.Delete(file);

    private static async Task OnServer(string sql)
    {
        await using var server = NpgsqlDataSource.Create(Servers.Postgres);
        await using var command = server.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private async Task Run(string program, params string[] arguments)
    {
        var ran = await Programs.Run(program, Environment, arguments);
        Assert.True(ran.Status == 0, ran.Error);
    }
}
