using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What a masked session has made itself is in no catalog, and may be used beside what is hidden.</summary>
public sealed class MaskedOwnTablesTests
{
    private const string Beside = "select o.note, c.ssn from pub o join shop.customers c on c.id = o.id where c.id = 1";

    [Fact]
    public async Task A_temporary_table_with_the_name_of_another_is_read_beside_hidden_columns_for_as_long_as_the_session_lives()
    {
        await using var agent = await WireAgent.Start(MaskedSessionTests.Options() with { Masking = MaskingMode.Wire });
        await agent.Directly("create table public.pub (id int, note text)", "insert into public.pub values (1, 'everybody''s')", $"alter table public.pub owner to {agent.Data.Role}");
        using var client = await agent.Connect();
        Assert.Equal("T D[everybody's|********6789] C[SELECT 1] ZI", Story(await client.Ask(Query(Beside))));
        await client.Ask(Query("create temp table pub (id int, note text); insert into pub values (1, 'my own')"));
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal("T D[my own|********6789] C[SELECT 1] ZI", Story(await client.Ask(Query(Beside))));
        }
    }
}
