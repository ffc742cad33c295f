using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>Writes that would tell what a masked column holds, or keep it.</summary>
public sealed class MaskedWriteTests
{
    [Theory]
    [InlineData("update customers set ssn = $1 where id = 1")]
    [InlineData("insert into customers (id, ssn) values (1, '900')")]
    [InlineData("insert into customers values (1, 'x', 'y', '900')")]
    [InlineData("insert into customers (id, name) values (1, 'x') on conflict (id) do update set ssn = 'x'")]
    [InlineData("with x as (update customers set ssn = 'x' where id = 1) select 1")]
    [InlineData("update v_alias set ref = '900' where id = 1")]
    [InlineData("insert into v_alias (id, ref) values (1, '900')")]
    [InlineData("merge into customers c using pub p on p.id = c.id when matched then update set ssn = p.txt")]
    [InlineData("merge into customers c using pub p on p.id = c.id when not matched then insert (id, ssn) values (p.id, p.txt)")]
    [InlineData("insert into orders values (1, 1, '900', 1)")]
    [InlineData("update orders set customer_ssn = '900'")]
    [InlineData("insert into copied values (1, '900')")]
    [InlineData("prepare p as insert into customers (id, ssn) values (1, $1)")]
    [InlineData("delete from codes where code = 'A'")]
    [InlineData("update codes set code = 'B' where code = 'A'")]
    [InlineData("merge into codes c using pub p on p.txt = c.code when matched then delete")]
    [InlineData("update secrets set bonus = 5 where id = 1")]
    public void A_write_that_fails_or_not_by_what_a_masked_column_holds_is_refused(string sql)
    {
        IReadOnlyList<MaskRule> masks = [.. Shop.Masks, Shop.Rule("codes", MaskWith.Redact, "shop.secrets.code", "shop.secrets.salary")];
        Assert.Equal("refused", Shop.Plan(sql, masks));
        Assert.Contains("a key or a check", MaskPlan.Of(Shop.Facts(sql), masks).Refusal!.Text, StringComparison.Ordinal);
        Assert.NotEqual("refused", Shop.Plan(sql, [.. masks.Select(m => m with { Inference = Inference.Allow })]));
    }

    [Theory]
    [InlineData("update codes set label = 'x' where code = 'A'", "clear")]
    [InlineData("insert into codes values ('C', 'x')", "clear")]
    [InlineData("update secrets set id = 7 where id = 1", "clear")]
    [InlineData("delete from customers where id = 1", "clear")]
    [InlineData("insert into customers default values", "clear")]
    public void A_write_that_does_not_depend_on_masked_values_passes(string sql, string plan) =>
        Assert.Equal(plan.Replace("clear", sql.Contains("codes", StringComparison.Ordinal) ? "free" : "clear", StringComparison.Ordinal),
            Shop.Plan(sql, [.. Shop.Masks, Shop.Rule("codes", MaskWith.Redact, "shop.secrets.code", "shop.secrets.salary")]));

    /// <summary>Where conditions over masked columns are allowed, their values are not let out by a function that keeps what it is given.</summary>
    [Fact]
    public void What_a_function_keeps_is_stored()
    {
        MaskRule[] masks = [.. Shop.Masks.Select(m => m with { Inference = Inference.Allow })];
        Assert.Equal("refused", Shop.Plan("select pg_notify('x', ssn) from customers", masks));
        Assert.Equal("refused", Shop.Plan("select lo_from_bytea(0, ssn::bytea) from customers", masks));
        Assert.Equal("clear", Shop.Plan("select pg_notify('x', name) from customers", masks));
    }
}
