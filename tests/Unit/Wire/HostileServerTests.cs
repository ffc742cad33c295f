using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A server that lies, or was taken over: it can end a session, and nothing else.</summary>
public sealed class HostileServerTests
{
    private static Talk Asked(params byte[][] messages) => new Talk().Client(messages);

    public static TheoryData<char> Types => [.. "RKVWvp10Zz\0DTCIts23nGHcdES".ToCharArray()];

    [Theory]
    [MemberData(nameof(Types))]
    public void What_answers_nothing_ends_the_session(char type)
    {
        byte[] body = type switch { 'Z' => [(byte)'I'], 'C' => [.. "SELECT 1\0"u8], 'S' => [.. "session_authorization\0x\0"u8], 'E' => [.. "SERROR\0C42601\0\0"u8], _ => [] };
        Assert.True(Asked().Server(PgFrame.Of(type, body)).IsOver);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void An_impossible_length_ends_the_session(char type)
    {
        foreach (var length in new[] { int.MinValue, -1, 0, 3, PgFrame.MaxLength + 1, int.MaxValue })
        {
            Assert.True(Asked(Query("select 1")).Server(Lying(type, length, 0)).IsOver);
        }
    }

    [Theory]
    [InlineData('C')]
    [InlineData('Z')]
    [InlineData('S')]
    [InlineData('1')]
    [InlineData('I')]
    public void A_message_that_would_have_to_be_held_whole_is_never_long(char type) =>
        Assert.True(Asked(Query("select 1")).Server(Lying(type, PgFrame.MaxLength, 0)).IsOver); // and memory for it is never asked for

    [Fact]
    public void Long_errors_rows_and_descriptions_pass_as_they_come()
    {
        foreach (var type in "ETDNA")
        {
            var talk = Asked(Query("select 1")).Server(Lying(type, PgFrame.MaxLength, new byte[100_000]));
            Assert.False(talk.IsOver);
            Assert.Equal(100_005, talk.TakeForClient().Length);
            Assert.Equal(50_000, talk.Server(new byte[50_000]).TakeForClient().Length);
        }
    }

    [Fact]
    public void A_description_of_65535_columns_and_endless_notices_pass_and_nothing_is_kept()
    {
        var talk = Asked(Query("select 1"));
        talk.Server(PgFrame.Of('T', [0xff, 0xff, .. new byte[65535 * 19]]));
        for (var i = 0; i < 10_000; i++)
        {
            talk.Server(PgFrame.Of('N', "SNOTICE\0C00000\0Mx\0\0"u8));
            Assert.NotEmpty(talk.TakeForClient());
        }
        Assert.Equal("C[SELECT 1] ZI", Story(talk.Server(Complete("SELECT 1"), Ready('I')).TakeForClient()));
    }

    [Theory]
    [InlineData("client_encoding", "SJIS")]
    [InlineData("client_encoding", "")]
    [InlineData("standard_conforming_strings", "off")]
    [InlineData("session_authorization", "postgres")]
    public void A_setting_that_changes_how_statements_are_read_ends_the_session(string name, string value) =>
        Assert.True(Asked().Server(PgFrame.OfTexts('S', name, value)).IsOver);

    [Fact]
    public void A_transaction_status_that_does_not_exist_ends_the_session() => Assert.True(Asked(Sync).Server(Ready('X')).IsOver);

    [Fact]
    public void A_copy_that_nobody_asked_for_ends_the_session()
    {
        Assert.True(Asked(Query("select 1")).Server(Answer('G', 0, 0, 0)).IsOver);
        Assert.True(Asked(Query("copy t to stdout")).Server(Answer('G', 0, 0, 0)).IsOver);
        Assert.True(Asked(Query("copy t from stdin")).Server(Answer('H', 0, 0, 0)).IsOver);
        Assert.True(Asked(Query("copy t from stdin")).Server(Answer('W', 0, 0, 0)).IsOver);
    }

    [Fact]
    public void Success_for_what_was_refused_ends_the_session()
    {
        var refused = new Talk("delete").Client(Query("delete from t"));
        Assert.True(refused.Server(Complete("DELETE 5")).IsOver);
        var bound = new Talk("delete").Client(Parse("", "delete from t"), Bind("", ""), Execute(), Sync);
        Assert.Equal("P S", Story(bound.TakeForServer()));
        Assert.True(bound.Server(Answer('1')).IsOver);
    }

    [Fact]
    public void Only_the_error_that_a_refusal_provoked_becomes_the_refusal()
    {
        var talk = new Talk("delete").Client(Query("delete from t"));
        Assert.Equal("E25P02 ZE", Story(talk.Server(Error("25P02", "current transaction is aborted"), Ready('E')).TakeForClient()));
    }

    [Fact]
    public void After_the_cut_nonsense_is_read_and_dropped_and_not_kept()
    {
        var talk = Asked(Query("select 1"));
        Assert.Equal(100_000, talk.Conversation.Drained(new byte[100_000]));
        Assert.Equal(5, new Talk().Client(Query("select 1")).Conversation.Drained([.. Answer('I'), (byte)'Z']));
    }

    [Theory]
    [InlineData("r=abcd,s=AAAA,i=4096", true)]
    [InlineData("r=abcd,s=AAAA,i=100000", true)]
    [InlineData("r=abcd,s=AAAA,i=100001", false)]
    [InlineData("r=abcd,s=AAAA,i=2147483647", false)]
    [InlineData("r=abcd,s=AAAA,i=99999999999999", false)]
    [InlineData("r=abcd,s=AAAA,i=-1", false)]
    [InlineData("r=abcd,s=AAAA,i=1", false)]
    [InlineData("r=ab,s=AAAA,i=4096", false)]
    [InlineData("r=xxab,s=AAAA,i=4096", false)]
    [InlineData("r=abcd,s=?,i=4096", false)]
    [InlineData("r=abcd,i=4096,s=AAAA", false)]
    [InlineData("e=other-error", false)]
    [InlineData("", false)]
    public void A_scram_challenge_is_answered_only_within_bounds(string challenge, bool answered) =>
        Assert.Equal(answered, new ScramClient(null, false, "ab", (salt, n) => ScramKeys.Derive("x", salt, 4096)).Final(challenge) is not null);

    [Fact]
    public void A_salt_without_end_is_not_read()
    {
        var challenge = $"r=abcd,s={Convert.ToBase64String(new byte[5000])},i=4096";
        Assert.Null(new ScramClient(null, false, "ab", (salt, n) => ScramKeys.Derive("x", salt, n)).Final(challenge));
    }
}
