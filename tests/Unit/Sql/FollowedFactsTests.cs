using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

/// <summary>What runs along with a statement, and what is known of all that together.</summary>
public sealed class FollowedFactsTests
{
    private readonly FactsOf facts = new();

    [Fact]
    public void Triggers_rules_and_foreign_keys_are_read_through_and_only_what_cannot_be_is_opaque()
    {
        const PgEvents changed = PgEvents.Insert | PgEvents.Update | PgEvents.Delete;
        facts.Function("shop.log", 0, "plpgsql", "begin insert into shop.pub (txt) values (tg_op); return new; end");
        facts.Function("shop.stamp", 0, "plpgsql", "begin new.amount := 1; return new; end", f => f with
        {
            Definition = "create function shop.stamp() returns trigger language plpgsql as $f$ begin new.amount := 1; return new; end $f$",
        });
        facts.Function("shop.odd", 0, "c", null).Function("shop.rekey", 0, "sql", "update shop.parent set id = 3 where id = 1");
        PgRelation Watched(PgRelation r, string by) => r with { Effects = [new PgEffect(changed, "its trigger runs code of its own", facts.Oid(by))] };
        facts.Table("shop.logged", "id v", 'r', r => Watched(r, "shop.log")).Table("shop.stamped", "id v", 'r', r => Watched(r, "shop.stamp"))
            .Table("shop.strange", "id v", 'r', r => Watched(r, "shop.odd"))
            .Table("shop.ruled", "id v", 'r', r => r with
            {
                Effects =
                [
                    new PgEffect(PgEvents.Delete, "its rule makes something else of it")
                    {
                        Definition = "CREATE RULE r AS ON DELETE TO shop.ruled DO ALSO UPDATE pub SET n = 0 WHERE pub.id = old.id;",
                    },
                ],
            })
            .Table("shop.grand", "id up", 'r').Table("shop.child", "id up", 'r', r => r with
            {
                Effects = [new PgEffect(PgEvents.Delete, "a foreign key", 0, "shop.grand") { Then = PgEvents.Update }],
            })
            .Table("shop.parent", "id v", 'r', r => r with
            {
                Effects =
                [
                    new PgEffect(PgEvents.Delete, "a foreign key", 0, "shop.child") { Then = PgEvents.Delete },
                    new PgEffect(PgEvents.Update, "a foreign key", 0, "shop.child") { Then = PgEvents.Update, Keys = ["id"] },
                    new PgEffect(PgEvents.Cascade, "a foreign key", 0, "shop.child") { Then = PgEvents.Truncate | PgEvents.Cascade },
                ],
            });
        Assert.Equal(("insert select", "shop.logged+ shop.pub+", null, true), Told("insert into logged values (1)"));
        Assert.Equal(("update", "shop.stamped±", null, false), Told("update stamped set v = 1 where id = 1"));
        Assert.NotNull(facts["update strange set v = 1 where id = 1"].Opaque);
        Assert.Equal(("delete update", "shop.ruled± shop.pub±", null, true), Told("delete from ruled where id = 1"));
        Assert.Equal(("delete update", "shop.parent± shop.child± shop.grand±", null, true), Told("delete from parent where id = 1"));
        Assert.Equal(("truncate", "shop.parent+ shop.child±", null, false), Told("truncate parent cascade"));
        Assert.Equal(("truncate", "shop.parent+", null, false), Told("truncate parent"));
        // a foreign key follows its key, and not what stands beside it
        Assert.Equal(("update", "shop.parent±", null, false), Told("update parent set v = 1 where id = 1"));
        Assert.Equal(("update", "shop.parent± shop.child±", null, true), Told("update parent set id = 2 where id = 1"));
        Assert.Contains("shop.child±", facts.Relations("update parent set v = (select rekey()) where id = 1"), StringComparison.Ordinal);

        (string, string, string?, bool) Told(string sql) =>
            (string.Join(' ', facts[sql].Kinds), facts.Relations(sql), facts[sql].Opaque, facts[sql].Uncounted is not null);
    }

    [Fact]
    public void Rows_that_are_changed_in_more_than_one_place_or_by_code_cannot_be_counted()
    {
        facts.Function("shop.purge", 0, "sql", "delete from shop.pub where id = 1 returning true");
        facts.Function("shop.pure", 0, "sql", "select true");
        Assert.NotNull(facts["with gone as (delete from pub where id = 1 returning id) delete from pub where id = 2"].Uncounted);
        Assert.NotNull(facts["delete from orders where purge()"].Uncounted);
        Assert.Null(facts["delete from orders where pure()"].Uncounted);
        Assert.Null(facts["insert into pub (id) values (1) on conflict (id) do update set n = 1"].Uncounted);
    }

    [Fact]
    public void What_may_be_planned_and_what_was_looked_at_is_known_of_everything_that_runs_along()
    {
        facts.Function("shop.mine", 1, "sql", "select true", f => f with { Volatility = 'i', Version = 7 });
        facts.Function("shop.checks", 0, "sql", "select true");
        facts.Operator("shop", "%%%", "shop.mine");
        facts.Table("shop.checked", "id", 'r', r => r with { Effects = [new PgEffect(PgEvents.Update, null, facts.Oid("shop.checks"))] });
        Assert.True(facts["select lower(txt) from pub where id = 1"].OnlyBuiltIn);
        foreach (var sql in new[] { "select from pub where mine(1)", "select 1 %%% 1", "select from checked", "delete from checked", "select nobody_knows()", "do $$ begin execute 'x'; end $$" })
        {
            Assert.False(facts[sql].OnlyBuiltIn, sql);
        }
        var (before, elsewhere) = (facts["select from pub where mine(1)"].Objects, facts["select from orders where mine(1)"].Objects);
        Assert.NotEqual(before, elsewhere);
        var later = new FactsOf();
        later.Function("shop.mine", 1, "sql", "select true", f => f with { Volatility = 'i', Version = 8 });
        Assert.NotEqual(before, later["select from pub where mine(1)"].Objects);
    }

    [Theory]
    [InlineData("create table t (id int default abs(1))", false)]
    [InlineData("create index on pub (n)", false)]
    [InlineData("alter table pub add column more int, alter column n set default 1", false)]
    [InlineData("alter table pub add constraint c foreign key (n) references orders (id)", false)]
    [InlineData("alter table pub add constraint c foreign key (n) references orders (id) on delete cascade", true)]
    [InlineData("alter table pub add column o int references orders (id) on delete set null", true)]
    [InlineData("alter table pub enable trigger all", true)]
    [InlineData("alter table pub rename to other", true)]
    [InlineData("alter table pub rename column n to m", true)]
    [InlineData("alter table pub set schema public", true)]
    [InlineData("alter table pub attach partition orders default", true)]
    [InlineData("create view v as select 1", true)]
    [InlineData("create function f() returns int language sql as 'select 1'", true)]
    [InlineData("create trigger t after insert on pub for each row execute function f()", true)]
    [InlineData("drop table pub", true)]
    public void Some_changes_of_the_schema_leave_alone_what_follows_them(string sql, bool redefines) =>
        Assert.Equal((true, redefines), (facts[sql].ChangesSchema, facts[sql].Redefines));
}
