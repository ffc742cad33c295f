using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>What is to be made of a database, a policy and a login's terms, without one.</summary>
public sealed class MaskDesignTests
{
    private const TableRights All = TableRights.Select | TableRights.Insert | TableRights.Update | TableRights.Delete;

    private static readonly MaskName Name = new("0123456789ab");

    private static readonly MaskGround Ground = new(
        new GroundAgent("shop", "agent", 150000, false, true, true, true, true, false, false, true, ["shop", "public"], []),
        [new GroundSchema("shop", false, true, true), new GroundSchema("public", true, true, true)],
        [Table(1, "customers", "id", "ssn"), Table(2, "orders", "id", "customer_ssn"), Table(3, "pub", "id")], [], [], [], [], [], [], [], GroundMade.Nothing);

    private static GroundRelation Table(uint oid, string name, params string[] columns) => new(
        oid, "shop", name, 'r', [.. columns.Select((c, i) => new GroundColumn(c, (short)(i + 1), "text", 25, -1, null, TableRights.None))], All, All, false, TableRights.None, false);

    private static MaskRule Rule(params string[] columns) => new("ssn", "orders", columns, [], MaskWith.Redact, null, Inference.Allow);

    private static GroundMemory Memory(MaskRemembered known) => new(known.Schema, known.Name, MaskSql.Owner, known.Memory);

    private static MaskDesign Design(MaskGround ground, LoginTerms? terms = null, params string[] columns) =>
        MaskDesigner.Design(ground, Name, [Rule(columns.Length == 0 ? ["shop.customers.ssn"] : columns)], terms);

    [Fact]
    public void A_table_with_a_masked_column_is_given_as_a_view_and_others_as_they_are()
    {
        var design = Design(Ground, new LoginTerms([], ["select"]));
        var view = Assert.Single(design.Views);
        Assert.Equal(
            """
            create view "accessplane_m_0123456789ab_shop"."customers" with (security_barrier) as select
              "id",
              '[redacted]'::text as "ssn"
            from "shop"."customers"
            """, view.Create, ignoreLineEndingDifferences: true);
        Assert.Equal(
            [
                "select on table \"accessplane_m_0123456789ab_shop\".\"customers\"", "select on table \"shop\".\"orders\"", "select on table \"shop\".\"pub\"",
                "usage on schema \"accessplane_m_0123456789ab_shop\"", "usage on schema \"shop\"",
            ], design.GroupRights.Select(r => r.What).Order(StringComparer.Ordinal));
        Assert.Equal("\"accessplane_m_0123456789ab_shop\", \"shop\", \"public\"", MaskGroup.Of(Ground, design, "").SearchPath);
    }

    [Fact]
    public void What_is_there_as_it_has_to_be_leaves_nothing_to_do()
    {
        var design = Design(Ground);
        var made = new GroundMade(design.Schemas.ToDictionary(s => s.Mask, _ => MaskSql.Owner),
            [.. design.Views.Select(v => new GroundView(v.Schema, v.Name, MaskSql.Owner, "security_barrier=true", "x", v.Record with { Seal = "x" }) { Comments = v.Comments })],
            design.GroupRights, design.OwnerRights, [], true, null)
        {
            Memories = [.. design.Remembered.Select(Memory)],
        };
        var ready = Ground with { Made = made, Agent = Ground.Agent with { HasOwner = true, MayBecomeOwner = true } };
        Assert.True(MaskChanges.Between(ready, Design(ready)).IsEmpty);
        Assert.Equal(MaskChanges.FromNothing(Ground, design).Sql, MaskChanges.FromNothing(ready, Design(ready)).Sql);
        var foreign = ready with { Made = made with { GroupRights = [.. made.GroupRights, new MaskRight("table", "\"shop\".\"customers\"", null, "SELECT")] } };
        Assert.Equal(["revoke select on table \"shop\".\"customers\" from \"accessplane_g_0123456789ab\""], MaskChanges.Between(foreign, Design(foreign)).ByAgent);
        var silent = ready with { Made = made with { Views = [made.Views[0] with { Comments = new Dictionary<string, string> { ["id"] = "old" } }] } };
        const string view = "\"accessplane_m_0123456789ab_shop\".\"customers\"";
        Assert.Equal(
            [$"comment on view {view} is 'shop.customers (masked: ssn)'", $"comment on column {view}.\"ssn\" is 'masked: nothing of it is shown'", $"comment on column {view}.\"id\" is null"],
            MaskChanges.Between(silent, Design(silent)).ByOwner);
        var changed = ready with { Made = made with { Views = [made.Views[0] with { Definition = "y" }] } };
        Assert.StartsWith("drop view", MaskChanges.Between(changed, Design(changed)).ByOwner[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_mask_follows_a_foreign_key_both_ways_and_two_masks_of_one_value_show_nothing()
    {
        var linked = Ground with { Links = [(new GroundPlace(2, 2), new GroundPlace(1, 2))] };
        Assert.Equal(["customers", "orders"], Design(linked, null, "shop.orders.customer_ssn").Views.Select(v => v.Name));
        var two = MaskedSet.Of(linked, [Rule("shop.customers.ssn") with { With = new MaskWith(MaskKind.KeepFirst, 4) }, Rule("*.customer_ssn") with { With = new MaskWith(MaskKind.KeepLast, 4) }]);
        Assert.All(two.Columns.Values, with => Assert.Equal(MaskWith.Redact, with));
    }

    [Fact]
    public void A_masked_column_under_another_name_stays_masked_and_is_not_seen()
    {
        var view = Design(Ground).Views[0];
        var renamed = Ground with
        {
            Relations = [Table(1, "customers", "id", "harmless"), Ground.Relations[2]],
            Made = GroundMade.Nothing with { Views = [new GroundView(view.Schema, view.Name, MaskSql.Owner, "security_barrier=true", "x", view.Record with { Seal = "x" })] },
        };
        var design = Design(renamed);
        Assert.DoesNotContain("harmless", design.Views[0].Create, StringComparison.Ordinal);
        Assert.NotNull(design.Masked.Of(1, 2));
        Assert.Contains(design.Findings, f => f is { Class: "hidden column", Through: "\"shop\".\"customers\".\"harmless\"", Refuses: false });
    }

    [Fact]
    public void What_is_remembered_counts_for_more_than_what_an_agent_of_a_version_before_wrote_on_a_view()
    {
        var again = Ground with { Relations = [Table(9, "customers", "pin", "ssn", "id")] };
        var more = Design(again).Views[0];
        Assert.Contains("pin", more.Create, StringComparison.Ordinal);
        var remembered = again with
        {
            Made = GroundMade.Nothing with
            {
                Views = [new GroundView(more.Schema, more.Name, MaskSql.Owner, "security_barrier=true", "x", more.Record with { Seal = "x" })],
                Memories = [Memory(Design(Ground).Remembered[0])],
            },
        };
        Assert.Equal([(2, "ssn", true), (3, "id", false)], Design(remembered).Views[0].Record.Columns.Select(c => ((int)c.Number, c.Name, c.Mask is not null)));
        Assert.Contains(MaskChanges.Between(remembered, Design(remembered)).ByOwner, s => s.StartsWith("comment on text search dictionary", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_several_names_that_a_table_had_all_tell_what_was_shown_and_each_what_was_masked()
    {
        var renamed = Ground with
        {
            Relations = [Table(1, "buyers", "id", "ssn", "pin")],
            Made = GroundMade.Nothing with { Memories = [.. Told("customers", "id", "ssn", "pin"), .. Told("clients", "id", "ssn"), .. Told("purchasers", "id", "ssn", "pin")] },
        };
        Assert.Equal(["id", "ssn"], Design(renamed).Views[0].Record.Columns.Select(c => c.Name));
        var masks = new[] { MaskWith.Redact, new MaskWith(MaskKind.KeepFirst, 4), new MaskWith(MaskKind.KeepLast, 4) };
        MaskWith? Mask(params int[] of) => Design(renamed with
        {
            Made = GroundMade.Nothing with
            {
                Memories = [.. renamed.Made.Memories.Select((m, i) => m with { Memory = m.Memory! with { Masks = of[i] == 0 ? new Dictionary<string, MaskWith>() : new() { ["ssn"] = masks[of[i]] } } })],
            },
        }).Masked.Of(1, 2);
        Assert.Equal(new[] { null, masks[1], masks[1], MaskWith.Redact }, new[] { Mask(0, 0, 0), Mask(0, 0, 1), Mask(1, 0, 1), Mask(1, 2, 0) });
        static IEnumerable<GroundMemory> Told(string name, params string[] columns) => Design(Ground with { Relations = [Table(1, name, columns)] }, null, "*.ssn").Remembered.Select(Memory);
    }

    [Fact]
    public void What_was_remembered_in_another_database_is_known_by_names_alone()
    {
        static GroundMemory Told(uint oid, string name, string? of, params string[] columns) =>
            Memory(Design(Ground with { Relations = [Table(oid, name, columns)], Agent = Ground.Agent with { Identity = of } }, null, "*.ssn").Remembered[0]);
        static IEnumerable<string> Shown(string? customers, string? orders) => Design(Ground with
        {
            Agent = Ground.Agent with { Identity = "9/16400" },
            Relations = [Table(1, "customers", "id", "ssn", "pin")],
            Made = GroundMade.Nothing with { Memories = [Told(7, "customers", customers, "id", "ssn"), Told(1, "orders", orders, "id", "pin", "ssn")] },
        }).Views[0].Record.Columns.Select(c => c.Name);
        Assert.Equal(["id", "ssn"], Shown("7/16400", "7/16400"));
        Assert.Equal(["id", "ssn"], Shown("9/16399", "9/16399"));
        Assert.Equal(["id"], Shown("7/16400", "9/16400"));
        Assert.Equal(["id"], Shown(null, null)); // of a version before: its OIDs count
    }

    [Fact]
    public void A_table_none_of_whose_columns_is_known_is_given_to_nobody_and_that_is_no_lack_of_rights()
    {
        var other = Ground with { Relations = [Table(9, "customers", "pin")], Made = GroundMade.Nothing with { Memories = [Memory(Design(Ground).Remembered[0])] } };
        var design = Design(other);
        Assert.Empty(design.Views);
        Assert.Null(design.Unavailable);
        Assert.Equal(["hidden column"], design.Findings.Select(f => f.Class));
        Assert.Contains(design.Reasons, r => r.Why.EndsWith("all of its columns are newer than the masks", StringComparison.Ordinal));
    }

    [Fact]
    public void Of_tables_that_are_no_more_the_latest_thousand_are_remembered()
    {
        var known = Memory(Design(Ground).Remembered[0]);
        var gone = Enumerable.Range(1, MaskMemory.MostGone + 1).Select(i => new GroundMemory(
            known.Schema, $"log_{i}", MaskSql.Owner, known.Memory! with { Name = $"log_{i}", Relation = (uint)(10_000 - i) }));
        var full = Ground with { Made = GroundMade.Nothing with { Memories = [.. gone, known] } };
        Assert.Equal([$"drop text search dictionary \"accessplane_m_0123456789ab_shop\".\"log_{MaskMemory.MostGone + 1}\""],
            MaskChanges.Between(full, Design(full)).ByOwner.Where(s => s.StartsWith("drop text", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_masked_table_that_the_roles_cannot_read_is_remembered_all_the_same()
    {
        var unread = Ground with { Relations = [Table(1, "customers", "id", "ssn") with { Held = TableRights.None }] };
        var design = Design(unread);
        Assert.Empty(design.Views);
        var known = Assert.Single(design.Remembered);
        Assert.Equal(["ssn"], known.Memory.Masks.Keys);
        Assert.Contains($"create schema \"{known.Schema}\" authorization {MaskSql.Owner}", MaskChanges.Between(unread, design).ByAgent);
        var later = unread with
        {
            Relations = [Table(1, "customers", "id", "pin") with { Held = TableRights.None }],
            Made = GroundMade.Nothing with { Schemas = new Dictionary<string, string> { [known.Schema] = MaskSql.Owner }, Memories = [Memory(known)] },
        };
        Assert.NotNull(Design(later).Masked.Of(1, 2));
        Assert.Empty(MaskChanges.Between(later, Design(later)).ByOwner);
        Assert.Empty(Design(unread with { Agent = Ground.Agent with { MayCreate = false } }).Remembered); // nothing is refused for it
    }

    [Fact]
    public void What_reads_a_masked_column_at_whatever_distance_is_given_to_nobody()
    {
        GroundRelation View(uint oid, char kind = 'v') => Table(oid, $"v{oid}", "x") with { Kind = kind };
        var over = Ground with
        {
            Relations = [.. Ground.Relations, View(10), View(11), View(12), View(13, 'm'), View(14), View(15, 'f')],
            Readings =
            [
                new GroundReading(10, false, 1, 2, false), new GroundReading(11, false, 10, 1, false), new GroundReading(12, false, 1, 1, false),
                new GroundReading(13, false, 0, 0, false), new GroundReading(14, false, 1, 1, true),
            ],
        };
        var design = Design(over);
        Assert.Equal("10 11 13 14 15", string.Join(' ', design.Masked.Hidden.Keys.Order()));
        Assert.Equal(["SELECT"], design.GroupRights.Where(r => r.Object == "\"shop\".\"v12\"").Select(r => r.Privilege)); // a write to it would be one to the table
    }

    [Fact]
    public void Writes_are_of_clear_columns_that_nothing_ties_to_masked_ones()
    {
        var tied = Ground with { Relations = [Table(1, "customers", "id", "ssn", "name", "region")], Tangles = [(1, [2, 4])] };
        var writes = Design(tied).GroupRights.Where(r => r.Privilege is "UPDATE" or "INSERT" or "DELETE").Select(r => $"{r.Privilege} {r.Column}").Order(StringComparer.Ordinal);
        Assert.Equal(["DELETE ", "INSERT \"id\"", "INSERT \"name\"", "UPDATE \"id\"", "UPDATE \"name\""], writes);
    }

    [Fact]
    public void A_write_that_foreign_keys_carry_on_to_a_trigger_over_masked_rows_is_withheld()
    {
        var carried = Ground with
        {
            Relations = [Table(1, "customers", "id", "ssn") with { Triggers = TableRights.Delete }, .. Ground.Relations.Skip(1)],
            Cascades = [new GroundCascade(3, TableRights.Delete, 2, TableRights.Delete), new GroundCascade(2, TableRights.Delete, 1, TableRights.Delete)],
        };
        Assert.Equal(["INSERT", "SELECT", "UPDATE"], Design(carried).GroupRights.Where(r => r.Object == "\"shop\".\"pub\"").Select(r => r.Privilege).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("shop", "accessplane_m_0123456789ab_shop")]
    [InlineData("a_schema_with_a_name_of_36_characters", null)]
    [InlineData("schéma_äöü_äöü_äöü_äöü_äöü", null)]
    public void A_schema_of_masks_has_a_name_that_is_kept_whole(string of, string? name)
    {
        var schema = Name.Schema(of);
        Assert.True(System.Text.Encoding.UTF8.GetByteCount(schema) <= MaskSql.LongestName);
        Assert.StartsWith("accessplane_m_0123456789ab_", schema, StringComparison.Ordinal);
        Assert.Equal(name ?? schema, schema);
        Assert.NotEqual(Name.Schema(of + "x"), schema);
    }

    [Fact]
    public void Names_are_quoted_whatever_is_in_them()
    {
        var odd = Ground with { Schemas = [new GroundSchema("a\"; drop", true, true, true)], Relations = [Table(1, "t'\"", "s\"sn") with { Schema = "a\"; drop" }] };
        Assert.EndsWith("from \"a\"\"; drop\".\"t'\"\"\"", Design(odd, null, "*").Views[0].Create, StringComparison.Ordinal);
        Assert.Contains("as \"s\"\"sn\"", Design(odd, null, "*").Views[0].Create, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_rules_and_terms_have_one_name_and_others_another()
    {
        var name = MaskName.Of("d", "r", [Rule("a.b")], null);
        Assert.Equal(name, MaskName.Of("d", "r", [Rule("a.b") with { Id = "renamed", Unless = Who.Nobody }], null));
        Assert.Equal(6, new[]
        {
            name, MaskName.Of("e", "r", [Rule("a.b")], null), MaskName.Of("d", "s", [Rule("a.b")], null), MaskName.Of("d", "r", [Rule("a.c")], null),
            MaskName.Of("d", "r", [Rule("a.b") with { With = new MaskWith(MaskKind.Null) }], null), MaskName.Of("d", "r", [Rule("a.b")], new LoginTerms(["x"], [])),
        }.Distinct().Count());
    }

    [Theory]
    [InlineData("CHECK ((ssn ~ '^[0-9]{3}-'::text))", true, false)]
    [InlineData("CHECK ((ssn <> ''::text))", true, false)]
    [InlineData("CHECK ((length((ssn)::text) = 11))", true, false)]
    [InlineData("CHECK ((salary <> 771177))", true, true)]
    [InlineData("CHECK ((ssn <> 'somebody'::text))", true, true)]
    [InlineData("CHECK ((tier <> 'gold'::text))", false, false)]
    [InlineData("CHECK ((txt <> '900-11-2233'::text))", false, true)]
    [InlineData("CHECK ((txt)::character varying(255) <> 'x'::text)", false, false)]
    public void A_definition_may_not_name_a_masked_value_nor_what_looks_like_one(string definition, bool isMasked, bool isFound) =>
        Assert.Equal(isFound, MaskLiterals.Judge("condition", "constraint c on t", definition, isMasked, "") is { Refuses: true });
}
