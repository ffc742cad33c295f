using System.Buffers;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What must never happen under a policy that denies it, however it is written or sent; and what must never be refused.</summary>
[Collection(nameof(GuardShop))]
public sealed class GuardCorpusTests(GuardShop shop) : IClassFixture<GuardShop>
{
    private static readonly SearchValues<byte> Letters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz"u8);

    /// <summary>How the same texts are sent: `plain`, as they stand; the others make something else of the texts (<see cref="SaidOtherwise"/>), or of the
    /// messages.</summary>
    [Theory]
    [InlineData("plain")]
    [InlineData("extended, letters")]
    [InlineData("pipelined, comments")]
    [InlineData("byte by byte, extended, wide")]
    public async Task Nothing_destructive_happens_where_every_write_is_denied(string way)
    {
        shop.Deny(everyWrite: true);
        var happened = new List<string>();
        foreach (var one in GuardShop.Cases.Where(c => c.Class == "destructive"))
        {
            var database = await shop.DatabaseFor(one);
            var answers = await Try(one, database, way);
            if (one.Probe is { } probe ? await GuardShop.IsTrue(database, probe) : !answers.Any(IsRefusal))
            {
                happened.Add($"{one.Id}: {string.Join(' ', answers)}");
            }
        }
        Assert.True(happened.Count == 0, string.Join('\n', happened));
    }

    /// <summary>Where writes that are bounded are allowed, only those of the corpus happen that are bounded, or bounded by a value that nobody can know.</summary>
    [Fact]
    public async Task What_is_destructive_and_not_just_a_bounded_write_is_denied_by_rules_of_its_own()
    {
        shop.Deny(everyWrite: false);
        var let = new List<string>();
        foreach (var one in GuardShop.Cases.Where(c => c.Class == "destructive" && c.Id is not ("G-D097" or "G-D100" or "G-D177")))
        {
            var database = await shop.DatabaseFor(one);
            var answers = await Try(one, database, "plain");
            if (one.Probe is { } probe ? await GuardShop.IsTrue(database, probe) : !answers.Any(IsRefusal))
            {
                let.Add($"{one.Id}: {string.Join(' ', answers)}");
            }
        }
        Assert.True(let.Count == 0, string.Join('\n', let));
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("byte by byte, comments")]
    [InlineData("pipelined, extended, letters, wide")]
    public async Task Nothing_harmless_is_refused(string way)
    {
        shop.Deny(everyWrite: false);
        var refused = new List<string>();
        foreach (var one in GuardShop.Cases.Where(c => c.Class == "harmless"))
        {
            var answers = await Try(one, await shop.DatabaseFor(one), way);
            // the server's own answers: a row that an earlier round inserted, and texts of several statements where one is due
            if (answers.Any(a => a.StartsWith('E') && !a.StartsWith("E23505", StringComparison.Ordinal) &&
                !(IsExtended(way, one) && a.StartsWith("E42601 cannot insert multiple", StringComparison.Ordinal))))
            {
                refused.Add($"{one.Id}: {string.Join(' ', answers)}");
            }
        }
        Assert.True(refused.Count == 0, string.Join('\n', refused));
    }

    private static bool IsRefusal(string answer) => answer.StartsWith("E42501 denied by", StringComparison.Ordinal) || answer.StartsWith("EF", StringComparison.Ordinal);

    /// <returns>What came back: errors with their code and text, all else by its letter.</returns>
    private async Task<List<string>> Try(GuardCase one, string database, string way)
    {
        var answers = new List<string>();
        (string, string)[] more = one.Options is { } options ? [("options", options)] : [];
        try
        {
            using var client = await shop.Agent.ConnectTo(database, more);
            foreach (var (messages, units) in Messages(one, way))
            {
                await Send(client, messages, way.Contains("byte by byte", StringComparison.Ordinal));
                for (var unit = 0; unit < units; unit++)
                {
                    answers.AddRange((await client.UntilReady()).Select(Told));
                }
            }
        }
        catch (WireError refused)
        {
            answers.Add($"EF {refused.Message}");
        }
        return answers;
    }

    private static string Told((char Type, byte[] Body) message) => message.Type == 'E'
        ? $"E{RawClient.Field(message.Body, 'C')} {RawClient.Field(message.Body, 'M')}"
        : message.Type.ToString();

    private static async Task Send(RawClient client, byte[][] messages, bool byteByByte)
    {
        var bytes = messages.SelectMany(m => m).ToArray();
        if (!byteByByte || bytes.Length > 4000)
        {
            await client.Send(bytes);
            return;
        }
        foreach (var one in bytes)
        {
            await client.Send([one]);
        }
    }

    private static IEnumerable<(byte[][] Messages, int Units)> Messages(GuardCase one, string way)
    {
        switch (one.Mode)
        {
            case "stale_portal":
                yield return ([RawClient.Parse("st", "DELETE FROM pub"), RawClient.Sync], 1);
                yield return ([RawClient.Parse("st", "SELECT 1"), RawClient.Bind("", "st"), RawClient.Execute(), RawClient.Sync], 1);
                yield return ([RawClient.Bind("", "st"), RawClient.Execute(), RawClient.Sync], 1);
                yield break;
            case "pipeline_after_error":
                yield return (
                    [RawClient.Parse("", "SELEC 1"), RawClient.Bind("", ""), RawClient.Execute(), RawClient.Parse("", "DELETE FROM pub"),
                        RawClient.Bind("", ""), RawClient.Execute(), RawClient.Sync], 1);
                yield break;
        }
        var isExtended = IsExtended(way, one);
        var all = one.Texts.Select(text => Unit(SaidOtherwise.Of(text, way), isExtended, one.Bound)).ToList();
        if (way.StartsWith("pipelined", StringComparison.Ordinal))
        {
            yield return ([.. Unit("select 1"u8.ToArray(), isExtended, []), .. all.SelectMany(u => u)], all.Count + 1);
            yield break;
        }
        foreach (var unit in all)
        {
            yield return (unit, 1);
        }
    }

    private static byte[][] Unit(byte[] text, bool isExtended, string?[] bound) => isExtended
        ? [PgFrame.Of('P', [0, .. text, 0, 0, 0]), RawClient.Bind("", "", bound), RawClient.Execute(), RawClient.Sync]
        : [PgFrame.Of('Q', [.. text, 0])];

    private static bool IsExtended(string way, GuardCase one) => way.Contains("extended", StringComparison.Ordinal) || one.Mode == "ext";

    /// <summary>What is said in another way is said in other bytes, whatever stands in quotes beside it; few texts have no blank that is not in quotes.</summary>
    [Fact]
    public void Every_case_is_said_otherwise()
    {
        byte[][] texts = [.. GuardShop.Cases.SelectMany(c => c.Texts)];
        Assert.All(texts.Where(t => t.AsSpan().ContainsAny(Letters)), t => Assert.NotEqual(t, SaidOtherwise.Of(t, "letters")));
        Assert.InRange(texts.Count(t => t.AsSpan().SequenceEqual(SaidOtherwise.Of(t, "wide"))), 0, texts.Length / 10);
        Assert.Equal("Do \t\f  $$ \t\f  BeGiN \t\f  PeRfOrM \t\f  E'\\' a'; \t\f  EnD \t\f  $$", SaidOtherwise.Of("do $$ begin perform E'\\' a'; end $$", "letters, wide"));
    }
}
