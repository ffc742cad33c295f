namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Random queries over the shop that lean towards what could show a masked value. The same seed makes the same ones.</summary>
internal sealed class QueryMaker(ulong seed)
{
    private static readonly string[] Columns = ["id", "name", "email", "ssn", "card", "salary", "dob", "profile", "tags", "photo", "notes", "tier", "region"];
    private static readonly string[] Clear = ["id", "name", "notes", "tier", "region"];

    private ulong state = seed;

    /// <summary>SplitMix64: a fixed sequence is what is wanted.</summary>
    private int Number(int below)
    {
        var z = unchecked(state += 0x9e3779b97f4a7c15);
        z = unchecked((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9);
        z = unchecked((z ^ (z >> 27)) * 0x94d049bb133111eb);
        return (int)((z ^ (z >> 31)) % (ulong)below);
    }

    private string Of(params string[] choices) => choices[Number(choices.Length)];

    private bool Chance(int percent) => Number(100) < percent;

    private string Column(string alias) => $"{alias}.{Of(Chance(45) ? Columns : Clear)}";

    private string Scalar(string alias, int depth) => Number(14) switch
    {
        0 or 1 or 2 or 3 or 4 => Column(alias),
        5 => $"coalesce({Column(alias)}::text, 'none')",
        6 => $"upper({Column(alias)}::text) || '-' || {alias}.name",
        7 => $"{Of("length", "md5", "reverse", "lower")}({Column(alias)}::text)",
        8 => $"case when {Predicate(alias)} then {Column(alias)}::text else 'x' end",
        9 => $"({Column(alias)} is null)",
        10 when depth > 0 => $"(select {Column("s")} from customers s where s.id = {alias}.id)",
        11 when depth > 0 => $"exists (select {Column("s")} from customers s where {Predicate("s")})",
        12 => $"({alias}).{Of(Columns)}",
        _ => $"{alias}.id * 2",
    };

    private string Predicate(string alias) => Number(8) switch
    {
        0 => $"{Column(alias)}::text like '{Of("9%", "Z%", "%a%")}'",
        1 => $"{Column(alias)}::text > '{Of("5", "N", "g")}'",
        2 => $"{Column(alias)} is not null",
        3 => $"{alias}.id in (select {Of("customer_id", "id", "amount")} from orders)",
        _ => $"{alias}.id {Of("<", ">", "=")} {1 + Number(19)}",
    };

    private string List(string alias) => Chance(12) ? Of("*", $"{alias}.*", alias, $"{alias}.*, 1") : string.Join(", ", Enumerable.Range(0, (1 + Number(3))).Select(i => Scalar(alias, 1) + (Chance(30) ? $" as c{i}" : "")));

    private string From(string alias) => Number(9) switch
    {
        0 => $"(select * from customers where id < 12) {alias}",
        1 => $"customers {alias} join orders o on o.customer_id = {alias}.id",
        2 => $"customers {alias} left join pub p on p.id = {alias}.id and {Predicate(alias)}",
        3 => $"(select {string.Join(", ", Columns)} from customers) {alias}",
        4 => $"lateral (select * from customers) {alias}",
        _ => $"customers {alias}",
    };

    /// <summary>A query by itself, or in one of the ways in which SQL carries one: what is sent, message by message, outside a transaction.</summary>
    public string[] Messages() => Number(10) switch
    {
        0 => [$"copy ({Next()}) to stdout"],
        1 => [$"copy customers ({string.Join(", ", Enumerable.Range(0, 1 + Number(2)).Select(i => Of(Chance(20) ? Columns : Clear)).Distinct())}) to stdout"],
        2 => [$"explain (costs off) {Next()}"],
        3 => ["begin", $"declare k scroll cursor for {Next()}", "fetch 2 from k", "move 1 in k", "fetch all from k", "fetch first from k", "commit"],
        4 => [$"begin; declare k cursor with hold for {Next()}; commit; fetch 3 from k; close k"],
        5 => ["deallocate all", $"prepare q as {Next()}", "execute q", "explain (costs off) execute q"],
        _ => [Next()],
    };

    public string Next() => Number(12) switch
    {
        0 => $"with w as (select * from customers where {Predicate("customers")}) select {List("w")} from w where w.id < 15 order by w.id",
        1 => $"select {Of("count", "max", "min", "array_agg")}({Column("c")}) from customers c where {Predicate("c")}",
        2 => $"select {Of(Clear)}, count(*) from customers c where {Predicate("c")} group by {Of("1", "region", "tier", "ssn")} order by 1",
        3 => $"select {Of(Columns)}::text from customers where id < 3 {Of("union", "union all", "except", "intersect")} select {Of(Columns)}::text from customers where id < 3",
        4 => $"select distinct {Of("region", "tier", "ssn", "left(name, 1)")} from customers order by 1",
        5 => $"select {List("c")} from {From("c")} where {Predicate("c")} order by {Of("c.id", "1", "c.ssn", "c.name")}, c.id limit {1 + Number(8)}",
        6 => $"select customer_ssn, amount, id from orders where {Of("id > 0", "customer_ssn like '9%'", "amount > 60")} order by {Of("id", "customer_ssn")}",
        7 => $"select {Of("ref", "id", "*")} from {Of("v_alias", "mv_customers", "v_customers")} where id < 4 order by id",
        8 => $"select x.{Of(Columns)} from (select {string.Join(", ", Columns)} from customers where {Predicate("customers")}) x where x.id < 9 order by x.id",
        9 => $"select {Of("ssn", "id", "at", "*")} from {Of("events", "events_2024")}",
        10 => $"select {Of("ssn", "id", "boss", "*")} from {Of("employee", "person p(id, ssn)")} where id > 0".Replace("boss from person", "id from person", StringComparison.Ordinal),
        _ => $"select {List("c")} from {From("c")} where c.id < {2 + Number(12)} order by c.id",
    };
}
