using AccessPlane.Cli.Access;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Sessions;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class TicketTests
{
    private static TicketShape Made(string url) => new("t_4f1c", "apt_secret", "db.example", 6432, "orders", DateTimeOffset.UnixEpoch, url);

    [Fact]
    public void A_program_finds_the_ticket_in_its_environment_with_as_much_of_tls_as_the_agent_has()
    {
        var environment = Ticket.Environment(Made("postgresql://t_4f1c:apt_secret@db.example:6432/orders?sslmode=require&channel_binding=require"));
        Assert.Equal(
            ["PGCHANNELBINDING=require", "PGDATABASE=orders", "PGHOST=db.example", "PGPASSWORD=apt_secret", "PGPORT=6432", "PGSSLMODE=require", "PGUSER=t_4f1c"],
            environment.Select(e => $"{e.Key}={e.Value}").Order(StringComparer.Ordinal));
        Assert.DoesNotContain("PGSSLMODE", Ticket.Environment(Made("postgresql://t_4f1c:apt_secret@db.example:6432/orders")).Keys);
    }

    [Fact]
    public void A_ticket_does_not_tell_its_password_by_accident() => Assert.Equal("t_4f1c", Made("postgresql://t_4f1c:apt_secret@db.example/orders").ToString());

    [Fact]
    public void A_statement_of_a_transcript_commands_no_terminal() =>
        Assert.Equal("1> select ⟨U+001B⟩[2J", ReplaySession.Told(new TranscriptEntry(1, DateTimeOffset.UnixEpoch, "statement", Op: 1, Text: "select \u001b[2J")));

    [Fact]
    public void Rows_of_a_transcript_are_a_line_each_and_command_no_terminal()
    {
        var rows = System.Text.Json.JsonSerializer.Deserialize<TranscriptEntry>(
            """{"seq":1,"at":"2026-03-01T12:00:00.000000Z","kind":"rows","op":1,"columns":[{"name":"id","type":23},{"name":"na\u001bme","type":25}],"values":[["1","A\nda"],["2",null]],"rowsOmitted":3,"bytesOmitted":40}""",
            AccessPlane.Contracts.Json.Options)!;
        Assert.Equal("1: id | na⟨U+001B⟩me\n    1 | A da\n    2 | null\n    (3 rows more, 40 bytes, not kept)", ReplaySession.Told(rows));
        Assert.Equal("1:\n    (1 row, 5 bytes, not kept)", ReplaySession.Told(rows with { Columns = null, Values = null, RowsOmitted = 1, BytesOmitted = 5 }));
    }
}
