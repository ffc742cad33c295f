using System.Text.RegularExpressions;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

public sealed partial class StockClientTests
{
    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "corpus", "postgresql", "scripts");

    public static TheoryData<string> ScriptNames => [.. Directory.GetFiles(Scripts, "*.sql").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(ScriptNames))]
    public async Task A_script_gives_the_same_output_through_the_agent_and_directly(string script)
    {
        await using var agent = await WireAgent.Start(new WireOptions(Superuser: true));
        string[] arguments = ["-X", "-a", "-f", Path.Combine(Scripts, script)];
        var direct = await Programs.Run("psql", Programs.Directly(agent), arguments);
        var through = await Programs.Run("psql", Programs.Through(agent), arguments);
        Assert.Equal(Plain(direct.Out), Plain(through.Out));
        Assert.Equal(Plain(direct.Error), Plain(through.Error));
        Assert.Equal(direct.Status, through.Status);
    }

    [Theory]
    [InlineData("simple")]
    [InlineData("extended")]
    [InlineData("prepared")]
    public async Task Pgbench_runs(string protocol)
    {
        await using var agent = await WireAgent.Start();
        var made = await Programs.Run("pgbench", Programs.Through(agent, 5), "-i", "-s", "1", "-q");
        Assert.True(made.Status == 0, made.Error);
        var ran = await Programs.Run("pgbench", Programs.Through(agent, 5), "-c", "4", "-j", "2", "-t", "50", "-M", protocol);
        Assert.True(ran.Status == 0, ran.Error);
        Assert.Contains("number of transactions actually processed: 200/200", ran.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Npgsql_reads_writes_prepares_copies_and_pools()
    {
        await using var agent = await WireAgent.Start();
        await using var source = NpgsqlDataSource.Create(agent.NpgsqlString(20, "Maximum Pool Size=2;").Replace("Pooling=false", "Pooling=true", StringComparison.Ordinal));
        await using (var connection = await source.OpenConnectionAsync())
        {
            await new NpgsqlCommand("create table n (id int primary key, name text, at timestamptz default now())", connection).ExecuteNonQueryAsync();
            await using var import = await connection.BeginBinaryImportAsync("copy n (id, name) from stdin (format binary)");
            for (var i = 0; i < 1000; i++)
            {
                await import.WriteRowAsync(CancellationToken.None, i, $"name {i}");
            }
            Assert.Equal(1000UL, await import.CompleteAsync());
        }
        await using (var connection = await source.OpenConnectionAsync()) // reset by the pool in between
        {
            await using var command = new NpgsqlCommand("select name from n where id = $1", connection) { Parameters = { new() { Value = 7 } } };
            await command.PrepareAsync();
            Assert.Equal("name 7", await command.ExecuteScalarAsync());
            command.Parameters[0].Value = 8;
            Assert.Equal("name 8", await command.ExecuteScalarAsync());
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new("select 1"), new("select count(*) from n"), new("update n set name = 'x' where id < 3") } };
            await using var reader = await batch.ExecuteReaderAsync();
            Assert.True(await reader.NextResultAsync());
            Assert.True(await reader.ReadAsync());
            Assert.Equal(1000L, reader.GetInt64(0));
        }
    }

    [Fact]
    public async Task Psql_under_tls_sees_large_results_whole()
    {
        await using var agent = await WireAgent.Start(new WireOptions(Tls: true));
        const string sql = "select n, repeat('x', 100) from generate_series(1, 50000) n";
        var environment = Programs.Through(agent, 1, "verify-full");
        environment["PGSSLROOTCERT"] = agent.CertificateFile;
        environment["PGHOST"] = "localhost";
        environment["PGHOSTADDR"] = "127.0.0.1";
        environment["PGCHANNELBINDING"] = "require";
        var through = await Programs.Run("psql", environment, "-X", "-At", "-c", sql);
        Assert.Equal("", through.Error);
        Assert.Equal((await Programs.Run("psql", Programs.Directly(agent), "-X", "-At", "-c", sql)).Out, through.Out);
    }

    /// <summary>Without process ids, and with the login's own name, which differs by design.</summary>
    internal static string Plain(string text) => Pid().Replace(text, "PID");

    [GeneratedRegex(@"(?<=PID )\d+")]
    private static partial Regex Pid();
}
