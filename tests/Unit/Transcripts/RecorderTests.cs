using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Transcripts;

public sealed class RecorderTests
{
    private static readonly Ruling Allowed = new(Effect.Allow, [new Reason("orders-read", Effect.Allow, "within the entitlement")], 3);
    private static readonly StatementFacts Select = new(["select"], 1);

    private static string Written(Action<TranscriptWriter> write)
    {
        using var writer = new TranscriptWriter();
        writer.Begin(1, new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), "statement"u8);
        write(writer);
        return Encoding.UTF8.GetString(writer.End());
    }

    [Fact]
    public void The_canonical_bytes_have_the_members_in_the_order_of_the_entry()
    {
        var text = Written(w =>
        {
            w.Operation(1);
            w.Statement("extended", "select $1, 'é'"u8);
            w.Parameters(new BoundParameters(2, [], [0, 0, 0, 1, (byte)'7', 0xff, 0xff, 0xff, 0xff]));
            w.Judgement(Select, Allowed);
        });
        Assert.Equal(
            """{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":1,"protocol":"extended","text":"select $1, 'é'","params":["7",null],"statements":["select"],"effect":"allow","reasons":[{"rule":"orders-read","effect":"allow","text":"within the entitlement"}],"policy":3}""",
            text);
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<TranscriptEntry>(text, Json.Strict), Json.Options));
    }

    [Fact]
    public void What_a_ruling_is_based_on_has_a_name_that_anyone_can_check()
    {
        var facts = new StatementFacts(["delete"], 1, Names: [new NameUse(NameAction.Prepare, "p")])
        {
            Relations = [new RelationUse("public.orders", RelationAccess.Read | RelationAccess.Write)],
            Columns = [new ColumnUse("public.orders.id", ColumnPlace.Predicate)],
            Unbounded = true,
        };
        var watched = new Reason("watch", Effect.Deny, "would not be allowed", Observed: true);
        var ruling = Allowed with
        {
            Reasons = [.. Allowed.Reasons, watched],
            Context = new OperationContext("orders", AccessPlane.Contracts.Identity.Actor.System("test"), "orders-read", new Scope([], ["delete"]), InTransaction: true),
        };
        var recorded = Written(w => w.Facts(RecordedFacts.Of(facts)));
        var entry = JsonSerializer.Deserialize<TranscriptEntry>(recorded, Json.Strict)!;
        Assert.Equal(recorded, JsonSerializer.Serialize(entry, Json.Options));
        Assert.Equal(entry.FactsHash, RulingBasis.HashOf(Encoding.UTF8.GetBytes(entry.Facts!.Value.GetRawText())));
        Assert.Equivalent(facts with { Names = null }, entry.Facts.Value.Deserialize<StatementFacts>(Json.Strict));

        var scope = JsonSerializer.Deserialize<TranscriptEntry>(Written(w => w.Scope(RecordedFacts.Of(ruling.Context.Scope))), Json.Strict)!;
        Assert.Equal(["delete"], scope.Scope!.Statements);

        var text = Written(w => w.Judgement(facts, ruling));
        var statement = JsonSerializer.Deserialize<TranscriptEntry>(text, Json.Strict)!;
        Assert.Equal(text, JsonSerializer.Serialize(statement, Json.Options));
        Assert.Equal((entry.FactsHash, scope.ScopeHash, true), (statement.FactsHash, statement.ScopeHash, statement.InTransaction));
        Assert.Equal(watched, statement.Reasons![1]);
    }

    [Fact]
    public void Facts_that_are_too_large_to_keep_are_named_all_the_same()
    {
        var facts = Select with { Functions = [new string('f', RecordedFacts.Longest)] };
        var entry = JsonSerializer.Deserialize<TranscriptEntry>(Written(w => w.Facts(RecordedFacts.Of(facts))), Json.Strict)!;
        Assert.Null(entry.Facts);
        Assert.True(entry.FactsOmitted > RecordedFacts.Longest);
        Assert.Equal(32, entry.FactsHash!.Length);
    }

    [Fact]
    public void A_result_has_its_canonical_form_too()
    {
        var text = Written(w =>
        {
            w.Operation(1);
            w.Result(new OperationResult("failed", (byte)'E', 120, 0, 17, "SELECT 0"u8, "42P01"u8, "relation \"x\" does not exist"u8));
        });
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<TranscriptEntry>(text, Json.Strict), Json.Options));
    }

    [Fact]
    public void Rows_have_their_canonical_form_too()
    {
        // id (binary) and name; 7 and null, 8 and é
        ReadOnlySpan<byte> columns = [0, 0, 0, 23, 1, 0, 0, 0, 2, .. "id"u8, 0, 0, 0, 25, 0, 0, 0, 0, 4, .. "name"u8];
        ReadOnlySpan<byte> rows = [0, 0, 0, 18, 0, 2, 0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 20, 0, 2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 2, 0xc3, 0xa9];
        var (c, r) = (columns.ToArray(), rows.ToArray());
        var text = Written(w =>
        {
            w.Operation(1);
            w.Rows(new SeenRows(c, r, 2, 31));
        });
        Assert.EndsWith(
            """
            "op":1,"columns":[{"name":"id","type":23},{"name":"name","type":25}],"values":[[{"base64":"AAAABw=="},null],[{"base64":"AAAACA=="},"é"]],"rowsOmitted":2,"bytesOmitted":31}
            """,
            text, StringComparison.Ordinal);
        Assert.Equal(text, JsonSerializer.Serialize(JsonSerializer.Deserialize<TranscriptEntry>(text, Json.Strict), Json.Options));
    }

    [Fact]
    public void A_value_sent_in_binary_form_is_never_shown_as_if_it_had_been_text()
    {
        ReadOnlySpan<byte> values = [0, 0, 0, 4, 65, 66, 67, 68, 0, 0, 0, 4, 0, 0, 0, 7];
        var text = Parameters(2, [0, 1], values.ToArray());
        Assert.Contains("""[{"bytes":"ABCD"},{"base64":"AAAABw=="}]""", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0, 2, 0xc3, 0x28 }, """[{"base64":"wyg="}]""")]
    [InlineData(new byte[] { 0, 0, 0, 1, 0 }, """[{"base64":"AA=="}]""")]
    [InlineData(new byte[] { 0x7f, 0xff, 0xff, 0xff, 1 }, """[{"base64":"f////wE="}]""")]
    [InlineData(new byte[] { 0, 0, 0, 1 }, """[{"base64":"AAAAAQ=="}]""")]
    public void Bytes_that_are_no_text_and_lengths_that_lie_are_recorded_all_the_same(byte[] values, string expected) =>
        Assert.Contains(expected, Parameters(1, [], values), StringComparison.Ordinal);

    [Fact]
    public void Large_parameters_are_recorded_by_size_and_hash()
    {
        var values = new byte[TranscriptWriter.LongestParameters + 5];
        values[2] = 1;
        values[3] = 1;
        var text = Parameters(1, [], values);
        Assert.Contains($"\"paramsOmitted\":{values.Length},\"paramsHash\":\"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(values))}\"", text, StringComparison.Ordinal);
    }

    private static string Parameters(int count, byte[] formats, byte[] values) => Written(w => w.Parameters(new BoundParameters(count, formats, values)));
}
