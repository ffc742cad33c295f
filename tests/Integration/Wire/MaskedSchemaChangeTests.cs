using System.Net.Sockets;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Somebody changes the schema past the agent, beneath a masked session that is open and stays open: no statement of it shows what was hidden.</summary>
public sealed class MaskedSchemaChangeTests
{
    private const string Star = "select * from shop.customers order by 1";
    private const string Clear = "select id, notes from shop.customers where id = 1";
    private const string Masked = "select id, ssn from shop.customers where id = 1";
    private static readonly string[] Secrets = ["123-45-6789", "987-65-4321", "777-00-1111"];

    /// <summary>Each way to ask, by whatever name the column or the table may have by now; whether it is answered is not what counts.</summary>
    private static readonly byte[][][] Asked =
    [
        [Query(Star)],
        [Parse("", Star), Bind("", ""), Execute(), Sync],
        [Bind("", "before"), Execute(), Sync],
        .. new[]
        {
            "select ssn from shop.customers", "select name from shop.customers", "select pin from shop.customers", "select name || '' from shop.customers",
            "select upper(ssn) from shop.customers", "select c from shop.customers c", "select to_jsonb(c) from shop.customers c", "table shop.customers",
            "copy (select * from shop.customers) to stdout", "select * from shop.clients",
        }.Select(sql => (byte[][])[Query(sql)]),
    ];

    private static string In(WireAgent agent, string change) => change.Replace("{agent}", agent.Data.Role, StringComparison.Ordinal);

    private static void ShowNothing(IEnumerable<(char Type, byte[] Body)> answer) =>
        Assert.DoesNotContain(answer, m => Secrets.Any(s => Text(m.Body).Contains(s, StringComparison.Ordinal)));

    /// <returns>How many were answered with rows.</returns>
    private static async Task<int> AskAll(RawClient client)
    {
        var answered = 0;
        foreach (var messages in Asked)
        {
            var answer = await client.Ask(messages);
            ShowNothing(answer);
            answered += answer.Exists(m => m.Type is 'D' or 'd') ? 1 : 0;
        }
        return answered;
    }

    /// <summary>A table that is not what the agent knows is not shown from; what it is by now is looked at before the next statement.</summary>
    [Theory]
    [InlineData("alter table shop.customers alter column ssn type varchar(40)")]
    [InlineData("alter table shop.customers add column pin text")]
    [InlineData("alter table shop.customers add column again text; update shop.customers set again = ssn; alter table shop.customers drop column ssn; alter table shop.customers rename column again to ssn")]
    [InlineData("create table shop.again as select ssn, id, name, notes from shop.customers; drop table shop.customers; alter table shop.again rename to customers; alter table shop.customers owner to {agent}")]
    public async Task Where_the_agent_hides_columns_none_is_shown_and_the_session_goes_on_with_what_is_there(string change)
    {
        var (answered, asked) = (0, 0);
        foreach (var first in Asked[..2])
        {
            await using var agent = await WireAgent.Start(MaskedSessionTests.Options() with { Masking = MaskingMode.Wire });
            using var live = await agent.Connect();
            Assert.Contains("********6789", Story(await live.Ask(first)), StringComparison.Ordinal);
            Assert.Equal("1 ZI", Story(await live.Ask(Parse("before", Star), Sync)));
            await agent.Directly(In(agent, change));
            ShowNothing(await live.Ask(first)); // the agent has not looked again
            answered += await AskAll(live);
            asked += Asked.Length + 1;
            await WireAgent.Until(async () => Story(await live.Ask(Query(Masked))) == "T D[1|********6789] C[SELECT 1] ZI");
        }
        FaultReport.Saw($"beneath 2 open sessions whose columns the agent hides: {asked} statements behind the change, {answered} answered with rows, 0 of them with a masked value");
    }

    [Theory]
    [InlineData("alter table shop.customers add column pin text default '777-00-1111'")]
    [InlineData("alter table shop.customers rename column ssn to pin")]
    [InlineData("alter table shop.customers rename column ssn to x; alter table shop.customers rename column name to ssn; alter table shop.customers rename column x to name")]
    [InlineData("{views}; alter table shop.customers alter column ssn type varchar(40)")]
    [InlineData("create table shop.again as select *, '777-00-1111'::text as pin from shop.customers; drop table shop.customers cascade; alter table shop.again rename to customers; alter table shop.customers owner to {agent}")]
    [InlineData("alter table shop.customers rename to clients; create table shop.customers as select * from shop.clients; alter table shop.customers owner to {agent}")]
    public async Task Where_PostgreSQL_hides_them_none_is_shown_before_and_after_the_masks_follow(string change)
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options());
        await agent.UntilMasking(MaskingStatus.Ready);
        using var live = await agent.Connect();
        Assert.Contains("********6789", Story(await live.Ask(Query(Star))), StringComparison.Ordinal);
        Assert.Equal("1 ZI", Story(await live.Ask(Parse("before", Star), Sync)));
        var view = (string)(await agent.Ask("select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'v' and nspname ~ '^accessplane_m_.*_shop'"))!;
        await agent.Directly(In(agent, change).Replace("{views}", $"drop view {view} cascade", StringComparison.Ordinal));
        var answered = await AskAll(live);
        await WireAgent.Until(() => LetsIn(agent)); // the masks are looked at with each login
        answered += await AskAll(live);
        Assert.Equal("T D[1|first] C[SELECT 1] ZI", Story(await live.Ask(Query(Clear))));
        FaultReport.Saw($"beneath an open session whose columns PostgreSQL hides: {2 * Asked.Length} statements behind the change, {answered} answered with rows, 0 of them with a masked value");
    }

    /// <summary>Whether a new session sees the table; who comes while the masks are changed is asked to come again.</summary>
    private static async Task<bool> LetsIn(WireAgent agent)
    {
        using var client = await agent.Connect();
        try
        {
            if (Story(await client.Ask(Query(Clear))) != "T D[1|first] C[SELECT 1] ZI")
            {
                return false;
            }
            await client.Ask(Parse("before", Star), Sync);
            await AskAll(client);
            return true;
        }
        catch (Exception refused) when (refused is IOException or SocketException)
        {
            return false;
        }
    }
}
