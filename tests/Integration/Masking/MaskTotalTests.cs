using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>No value of any type makes a mask fail, and a mask is of the type that it stands for.</summary>
public sealed class MaskTotalTests
{
    private const string Types =
        """
        create schema n;
        create type n.mood as enum ('sad', 'glad'); create type n.pair as (a int, b text);
        create domain n.must as text not null default 'x'; create domain n.short as varchar(4) check (value <> '[red'); create domain n.shorter as n.short;
        create domain n.list as int[] check (cardinality(value) < 3); create domain n.small as numeric(4, 1) check (value < 500);
        """;

    private static readonly (string Type, string[] Values)[] Nasty =
    [
        ("boolean", ["true"]), ("\"char\"", ["x"]), ("name", ["", "äöü", new string('n', 63)]), ("text", ["", "a", "日本語", "x'y\\z", "\u0001", new string('w', 70000)]),
        ("varchar(3)", ["", "äöü"]), ("varchar", ["1234567890"]), ("char(4)", ["", "a", "abcd"]), ("text collate \"C\"", ["abc"]), ("varchar(9) collate \"POSIX\"", ["abcdefghi"]),
        ("smallint", ["-32768", "32767", "0"]), ("integer", ["-2147483648", "2147483647", "1501"]), ("bigint", ["-9223372036854775808", "9223372036854775807"]),
        ("real", ["NaN", "Infinity", "-Infinity", "3.4e38", "-3.4e38", "1e-45", "0", "-0"]),
        ("double precision", ["NaN", "Infinity", "-Infinity", "1.79e308", "-1.79e308", "5e-324", "1e300", "-0", "0.5", "499.9999"]),
        ("numeric", ["NaN", "Infinity", "-Infinity", "1e131071", "-1e131071", "1e-16383", "999999999999999999999999999", "0"]), ("numeric(3,0)", ["999", "-999", "NaN"]),
        ("numeric(5,2)", ["999.99", "-999.99"]), ("numeric(3,5)", ["0.00999"]), ("numeric(3,-2)", ["99900"]), ("date", ["infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "0001-01-01", "9999-12-31"]),
        ("timestamp", ["infinity", "-infinity", "294276-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC", "9999-12-31 23:59:59.9"]), ("timestamp(0)", ["2024-02-29 23:59:59"]),
        ("timestamptz", ["infinity", "-infinity", "294276-12-31 23:59:59+00", "4713-01-02 00:00:00+00 BC", "0001-01-01 00:00:00+00", "9999-12-31 23:59:59-12"]),
        ("time", ["24:00:00"]), ("timetz", ["00:00:00+15"]), ("interval", ["-178000000 years", "178000000 years"]), ("interval day to second(2)", ["1 day"]),
        ("bytea", ["", "\\x00ff"]), ("json", ["null", "{\"a\": 1, \"a\": 2}"]), ("jsonb", ["{}", "[]", "\"\""]), ("xml", ["<a/>"]), ("uuid", ["00000000-0000-0000-0000-000000000000"]),
        ("inet", ["::1/0"]), ("cidr", ["10.0.0.0/8"]), ("macaddr", ["00:00:00:00:00:00"]), ("bit(3)", ["101"]), ("varbit(5)", [""]), ("point", ["(NaN,Infinity)"]), ("box", ["(0,0),(1,1)"]),
        ("polygon", ["((0,0))"]), ("int4range", ["empty", "(,)"]), ("daterange", ["[infinity,)"]), ("int4multirange", ["{}", "{[1,2)}"]), ("integer[]", ["{}", "{1,NULL}"]),
        ("text[]", ["{}", "{NULL,x}"]), ("date[]", ["{infinity}"]), ("numeric(3,0)[]", ["{999}"]), ("oid", ["4294967295"]), ("regclass", ["pg_class"]), ("xid", ["1"]), ("tid", ["(0,1)"]), ("pg_lsn", ["0/0"]),
        ("tsvector", ["", "a:1"]), ("tsquery", [""]), ("money", ["-92233720368547758.08"]), ("n.mood", ["sad"]), ("n.pair", ["(,)"]), ("n.must", ["", "abc"]), ("n.short", ["abcd"]), ("n.shorter", ["abcd"]),
        ("n.list", ["{1,2}"]), ("n.small", ["499.9"]), ("n.mood[]", ["{glad}"]), ("jsonpath", ["$"]), ("refcursor", ["c"]),
    ];

    private static readonly MaskWith[] Ways =
    [
        MaskWith.Redact, new(MaskKind.Null), new(MaskKind.Fixed, Text: "it's \"so\" \\ long that it fits into hardly any column of any kind 日本"), new(MaskKind.Fixed, Text: ""), new(MaskKind.KeepFirst, 0),
        new(MaskKind.KeepFirst, 2), new(MaskKind.KeepFirst, int.MaxValue), new(MaskKind.KeepLast, 0), new(MaskKind.KeepLast, 60), new(MaskKind.KeepLast, 3), new(MaskKind.KeepLast, int.MaxValue),
        new(MaskKind.Year), new(MaskKind.Round), new(MaskKind.Round, 3), new(MaskKind.Round, 18), new(MaskKind.Round, 300),
    ];

    private static readonly (string Type, string? Value, MaskKind Kind, int Keep, string? Shown)[] Examples =
    [
        ("text", "4929000011112222", MaskKind.KeepLast, 4, "********2222"),
        ("text", "äöüß", MaskKind.KeepLast, 2, "********üß"),
        ("text", "2222", MaskKind.KeepLast, 4, "********"),
        ("text", "", MaskKind.KeepFirst, 4, "********"),
        ("text", null, MaskKind.KeepFirst, 4, null),
        ("text", null, MaskKind.Redact, 0, "[redacted]"),
        ("varchar(20)", "zoe@secret.example", MaskKind.KeepFirst, 2, "zo********"),
        ("date", "1971-07-17", MaskKind.Year, 0, "1971-01-01"),
        ("date", "0044-03-15 BC", MaskKind.Year, 0, null),
        ("date", "infinity", MaskKind.Year, 0, null),
        ("timestamptz", "2024-02-29 23:59:59+05", MaskKind.Year, 0, "2024-01-01 00:00:00+00"),
        ("timestamptz", "2024-01-01 00:00:00+05", MaskKind.Year, 0, "2023-01-01 00:00:00+00"),
        ("text", "2024-02-29", MaskKind.Year, 0, "[redacted]"),
        ("integer", "771177", MaskKind.Round, 3, "771000"),
        ("integer", "-1501", MaskKind.Round, 3, "-2000"),
        ("integer", "2147483647", MaskKind.Round, 3, null),
        ("numeric", "1234.56", MaskKind.Round, 3, "1000"),
        ("numeric", "NaN", MaskKind.Round, 3, null),
        ("double precision", "1499.9", MaskKind.Round, 3, "1000"),
        ("double precision", "-2500", MaskKind.Round, 3, "-3000"),
        ("integer", "771177", MaskKind.Redact, 0, null),
        ("jsonb", "{}", MaskKind.Redact, 0, "\"[redacted]\""),
    ];

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Every_way_of_masking_gives_something_for_every_value_of_every_type(PgServer on)
    {
        await using var database = await MaskDatabase.Empty(on);
        await database.Directly([Types, $"create table n.t (id int, {string.Join(", ", Nasty.Select((n, i) => $"c{i} {n.Type}"))})",
            "insert into n.t (id) values (0)", // all null but what may not be
            .. Nasty.SelectMany((n, i) => n.Values.Select((v, j) => $"insert into n.t (id, c{i}) values ({j + 1}, '{v.Replace("'", "''", StringComparison.Ordinal)}')")),
            $"grant usage on schema n to {database.Readers}; grant select on n.t to {database.Readers}; alter table n.t owner to {database.Role}; alter schema n owner to {database.Role}"]);
        var rows = await database.Ask("select count(*) from n.t");
        foreach (var with in Ways)
        {
            var group = await database.Group([MaskDatabase.Rule(with, "n.t.c*")]);
            using var client = await database.Login(group);
            var view = group.Views["n.t"];
            foreach (var sql in new[] { $"select * from {view}", $"copy (select * from {view}) to stdout (format binary)" })
            {
                var got = await client.Ask(RawClient.Query(sql));
                Assert.True(got.TrueForAll(m => m.Type != 'E'), $"{with} {sql}: {MaskDatabase.Story(got.Where(m => m.Type == 'E'))}");
                Assert.Contains(got, m => m.Type == 'C' && RawClient.Text(m.Body).EndsWith($" {rows}", StringComparison.Ordinal));
            }
            Assert.Equal("", await database.Ask(
                $"""
                with recursive types as (select oid, oid as base, -1 as mod from pg_type where typtype <> 'd'
                  union all select d.oid, t.base, case when t.mod >= 0 then t.mod else d.typtypmod end from pg_type d join types t on d.typtype = 'd' and d.typbasetype = t.oid)
                select coalesce(string_agg(format('%s: %s %s is not %s %s', b.attname, format_type(b.atttypid, b.atttypmod), b.attcollation, format_type(v.atttypid, v.atttypmod), v.attcollation), '; '), '')
                from pg_attribute b join pg_attribute v on v.attrelid = '{view}'::regclass and v.attnum = b.attnum join types t on t.oid = b.atttypid
                where b.attrelid = 'n.t'::regclass and b.attnum > 0 and (b.attname, t.base, case when t.mod >= 0 then t.mod else b.atttypmod end, b.attcollation)
                  is distinct from (v.attname, v.atttypid, v.atttypmod, v.attcollation)
                """));
        }
    }

    /// <summary>The server's own judgement: a generated column is computed by nothing that is not immutable.</summary>
    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Every_mask_of_every_type_is_immutable(PgServer on)
    {
        await using var database = await MaskDatabase.Empty(on);
        await database.Directly(Types, $"create table n.t ({string.Join(", ", Nasty.Select((n, i) => $"c{i} {n.Type}"))}); alter table n.t owner to {database.Role}; alter schema n owner to {database.Role}");
        MaskGround ground;
        using (var own = await database.Own())
        {
            await own.Rows(MaskGroundSql.Begin, CancellationToken.None);
            ground = await MaskGroundReader.Read(own, [], _ => new MaskName("0123456789ab"), CancellationToken.None);
            await own.Rows("rollback", CancellationToken.None);
        }
        var columns = Assert.Single(ground.Relations, r => r.FullName == "n.t").Columns;
        Assert.Equal(Nasty.Length, columns.Count);
        foreach (var (with, w) in Ways.Select((with, w) => (with, w)))
        {
            var all = columns.Select((c, i) => $"c{i} {Nasty[i].Type}, g{i} {c.Type} {(c.Collation is null ? "" : $"collate {c.Collation}")} generated always as ({MaskExpression.Of(c, with)}) stored");
            await database.Directly($"create table n.g{w} ({string.Join(", ", all)})");
        }
        await Assert.ThrowsAsync<Npgsql.PostgresException>(() => database.Directly("create table n.not_so (a timestamptz, g text generated always as (a::text) stored)")); // it would be said
    }

    [Fact]
    public async Task A_mask_shows_what_the_wire_would()
    {
        await using var database = await MaskDatabase.Empty();
        var values = Examples.Select(e => e.Value is null ? "null" : $"'{e.Value}'");
        await database.Directly($"create table v ({string.Join(", ", Examples.Select((e, i) => $"x{i} {e.Type}"))}); insert into v values ({string.Join(", ", values)}); " +
            $"grant select on v to {database.Readers}; alter table v owner to {database.Role}");
        using var client = await database.Login(await database.Group([.. Examples.Select((e, i) => MaskDatabase.Rule(new MaskWith(e.Kind, e.Keep), $"v.x{i}"))]));
        await MaskDatabase.See(client, "set timezone = 'UTC'");
        Assert.Equal(string.Join('|', Examples.Select(e => e.Shown ?? "null")), await MaskDatabase.See(client, "select * from v"));
    }
}
