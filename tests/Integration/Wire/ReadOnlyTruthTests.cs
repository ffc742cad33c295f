using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AccessPlane.Agent;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// PostgreSQL itself says what writes: statements that nobody thought of are run in read-only transactions where the guard corpus's strictest policy
/// takes them for reads. A few seconds here; ACCESSPLANE_FUZZ_SECONDS for longer, ACCESSPLANE_FUZZ_SEED to begin elsewhere.
/// </summary>
[Collection(nameof(GuardShop))]
public sealed class ReadOnlyTruthTests(GuardShop shop, ITestOutputHelper output) : IClassFixture<GuardShop>
{
    private const string User = "gw_rw";
    private static readonly Actor Someone = new("https://idp", "someone", "someone", ActorKind.Person, [], new Dictionary<string, string>(), []);

    /// <summary>What would end the transaction that is meant to stop it, or only makes something for later.</summary>
    private static readonly string[] NotTried = ["transaction", "set", "discard", "prepare", "execute", "declare", "fetch", "close", "listen"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_taken_for_a_read_writes_nothing()
    {
        shop.Deny(everyWrite: true);
        var policy = shop.Agent.InForce.Current.Policy;
        var context = new OperationContext("orders", Someone, "orders-test", new Scope([], [.. StatementKinds.ReadOnly]));
        var database = await shop.DatabaseFor(GuardShop.Cases.First(c => c.Setup is null));
        using var parser = new PgParser(TimeProvider.System);
        var knowledge = new PgKnowledge(await Catalog(database), parser);
        var maker = new StatementMaker((ulong)Variable("ACCESSPLANE_FUZZ_SEED", 1), GuardShop.Cases.SelectMany(c => c.Texts).Select(Encoding.UTF8.GetString));
        var (time, wrong) = (TimeProvider.System, new List<string>());
        var (began, tried, ran, made, known) = (time.GetTimestamp(), 0, 0, 0, 0);
        RawClient? server = null;
        try
        {
            for (; time.GetElapsedTime(began) < TimeSpan.FromSeconds(Variable("ACCESSPLANE_FUZZ_SECONDS", 3)); made++)
            {
                var sql = maker.Next();
                if (sql.Contains('\0', StringComparison.Ordinal) || (await knowledge.Read(Encoding.UTF8.GetBytes(sql))).Facts is not { Statements: > 0 } facts ||
                    NotTried.Any(facts.Has) || Evaluator.Judge(facts, context, policy).Effect != Effect.Allow)
                {
                    continue;
                }
                tried++;
                server ??= await Connect(database);
                if (await Try(server, sql) is not { } answer)
                {
                    server.Dispose();
                    server = null;
                    continue;
                }
                ran += answer.Length == 0 ? 1 : 0;
                if (!answer.StartsWith("25006", StringComparison.Ordinal))
                {
                    continue;
                }
                if (IsLock(answer) || facts.Functions.Contains("pg_catalog.nextval"))
                {
                    known++;
                }
                else
                {
                    wrong.Add($"{answer}: {sql}");
                }
            }
        }
        finally
        {
            server?.Dispose();
        }
        output.WriteLine($"{made} statements, {tried} taken for reads, {ran} ran to their end, {known} locked rows or drew from a sequence");
        Assert.True(wrong.Count == 0, string.Join("\n\n", wrong.Take(20)));
        Assert.True(known > 0, "the server did not even refuse what it must: it was not asked");
        Assert.True(ran > 30, $"only {ran} of {made} were reads that ran: nothing is shown by that");
    }

    private static int Variable(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    /// <summary>`SELECT … FOR UPDATE` changes no row; that it is refused in read-only transactions is the server's own care.</summary>
    private static bool IsLock(string answer) => Regex.IsMatch(answer, "cannot execute SELECT FOR (NO KEY )?(UPDATE|SHARE)|cannot execute SELECT FOR KEY SHARE", RegexOptions.None, TimeSpan.FromSeconds(1));

    private async Task<PgCatalog> Catalog(string database)
    {
        var direct = shop.Agent.Direct;
        using var upstream = new PgUpstream(
            new UpstreamConfig(direct.Host, direct.Port, direct.User, shop.Agent.PasswordFile, UpstreamTls.Disable, null), TimeProvider.System);
        using var own = await upstream.Own(database, Cancel);
        return await PgCatalogReader.Read(own, Cancel);
    }

    private async Task<RawClient> Connect(string database)
    {
        var client = await RawClient.Dial(shop.Agent.Direct.Port);
        await client.Login(User, "pw", ("database", database));
        await client.Ask(RawClient.Query("set statement_timeout = 300; set idle_in_transaction_session_timeout = 10000"));
        return client;
    }

    /// <returns>The first error with its code, empty where there was none; null where the connection is of no use any more.</returns>
    private static async Task<string?> Try(RawClient server, string sql)
    {
        await server.Ask(RawClient.Query("begin read only"));
        var answers = await server.Ask(RawClient.Query(sql));
        if (answers is not [.., ('Z', _)])
        {
            return null;
        }
        await server.Ask(RawClient.Query("rollback"));
        return answers.FirstOrDefault(m => m.Type == 'E') is { Type: 'E' } error ? $"{RawClient.Field(error.Body, 'C')} {RawClient.Field(error.Body, 'M')}" : "";
    }
}
