using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Statements that nobody thought of: known ones with something done to them, and others out of a small grammar. The same seed makes the same ones.</summary>
internal sealed partial class StatementMaker
{
    private readonly List<string[]> known;
    private readonly string[] words;
    private ulong state;

    public StatementMaker(ulong seed, IEnumerable<string> texts)
    {
        state = seed;
        known = [.. texts.Where(t => t.Length is > 0 and < 2000).Select(t => Token().Matches(t).Select(m => m.Value).ToArray())];
        words = [.. known.SelectMany(t => t).Where(t => !string.IsNullOrWhiteSpace(t)).Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    [GeneratedRegex("""\s+|--[^\n]*|\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|::|.""", RegexOptions.Singleline, 1000)]
    private static partial Regex Token();

    public string Next() => Number(10) switch
    {
        < 4 => Mutated(),
        < 6 => Wrapped(Number(2) == 0 ? Mutated() : Query(2)),
        _ => Query(3),
    };

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

    private string Mutated()
    {
        var tokens = known[Number(known.Count)].ToList();
        for (var times = Number(3); times >= 0 && tokens.Count > 0; times--)
        {
            var at = Number(tokens.Count);
            switch (Number(5))
            {
                case 0:
                    tokens.RemoveAt(at);
                    break;
                case 1:
                    tokens[at] = words[Number(words.Length)];
                    break;
                case 2:
                    tokens.InsertRange(at, [" ", words[Number(words.Length)], " "]);
                    break;
                case 3:
                    var other = known[Number(known.Count)];
                    tokens = [.. tokens[..at], .. other[Number(other.Length)..]];
                    break;
                default:
                    var to = Number(tokens.Count);
                    (tokens[at], tokens[to]) = (tokens[to], tokens[at]);
                    break;
            }
        }
        return string.Concat(tokens);
    }

    private string Wrapped(string sql)
    {
        sql = sql.TrimEnd().TrimEnd(';');
        return Number(10) switch
        {
            0 => $"explain {sql}",
            1 => $"explain (analyze, {Of("verbose", "costs off", "timing off")}) {sql}",
            2 => $"with w as ({sql}) select count(*) from w",
            3 => $"with w as {Of("", "not", "")} materialized ({sql}) select 1",
            4 => $"select * from ({sql}) s",
            5 => $"copy ({sql}) to stdout",
            6 => $"do $do$ begin perform 1; {sql}; end $do$",
            7 => $"select exists ({sql}), array(select 1)",
            8 => $"{Query(1)}; {sql}",
            _ => $"({sql}) union all select null",
        };
    }

    private string Query(int depth) => Number(14) switch
    {
        0 when depth > 0 => $"with {Of("", "recursive ")}a as ({Part(depth - 1)}), b as ({Part(depth - 1)}) {Query(depth - 1)}",
        1 when depth > 0 => $"{Query(depth - 1)} {Of("union", "union all", "except", "intersect")} {Query(depth - 1)}",
        2 => $"table {Table()}",
        3 => $"values ({Scalar(depth)}, {Scalar(depth)})",
        4 => $"select {Scalar(depth)} into {Of("", "temp ")}made from {Table()}",
        5 => $"select {Scalar(depth)} from {From(depth)} for {Of("update", "share", "no key update", "key share")}",
        6 => $"show {Of("search_path", "all", "server_version")}",
        7 => $"explain {Of("", "analyze ")}{Part(depth - 1)}",
        _ => $"select {Scalar(depth)}, {Scalar(depth)} from {From(depth)} where {Scalar(depth)} is not null {Of("", "order by 1", "limit 2", "group by 1, 2")}",
    };

    /// <summary>What may stand where a query may, and may write.</summary>
    private string Part(int depth) => Number(8) switch
    {
        0 => $"insert into pub {Of("values (1000, 'x', 1)", "select id + 5000, txt, n from pub")} {Returning()}",
        1 => $"update pub set n = {Scalar(depth)} where id = 1 {Returning()}",
        2 => $"delete from pub where id = 2 {Returning()}",
        3 => $"merge into pub p using orders o on o.id = p.id when matched then {Of("delete", "do nothing", "update set n = 1")}",
        _ => depth < 0 ? "select 1" : Query(depth),
    };

    private string Returning() => Chance(60) ? "returning *" : "";

    private string Table() => Of("pub", "shop.orders", "customers", "events", "events_2024", "person", "only employee", "v_customers", "v_alias", "mv_customers", "pg_class", "a", "b");

    private string From(int depth) => Number(7) switch
    {
        0 => $"{Table()} x join {Table()} y on true",
        1 => $"generate_series(1, 3) g",
        2 => $"{Of("f_set()", "f_tab()", "f_out()", "unnest(array[1, 2]) u", "f_rec() as r (id int, ref text)")}",
        3 when depth > 0 => $"({Part(depth - 1)}) s",
        4 when depth > 0 => $"{Table()} x, lateral ({Query(depth - 1)}) l",
        5 => $"rows from (generate_series(1, 2), f_tab()) rf",
        _ => Table(),
    };

    private string Scalar(int depth) => Number(16) switch
    {
        0 => "id",
        1 => "count(*)",
        2 => $"{Of("f_get", "f_imm", "f_secdef")}({Number(3)})",
        3 => $"{Of("nextval", "currval", "pg_sequence_last_value")}('seq1'::regclass)",
        4 => $"{Of("set_config('work_mem', '4MB', true)", "current_setting('work_mem')", "txid_current()", "pg_backend_pid()", "pg_notify('c', 'x')")}",
        5 => $"{Of("lo_creat(-1)", "lo_create(0)", "lo_unlink(1)", "lo_from_bytea(0, '')", "lo_put(1, 0, '')", "loread(0, 1)")}",
        6 => $"{Of("pg_advisory_lock(1)", "pg_try_advisory_xact_lock(2)", "pg_relation_size('pub')", "pg_get_viewdef('v_alias')")}",
        7 => $"{Of("query_to_xml('delete from pub', true, true, '')", "ts_stat('select 1')", "xpath_table('id', 'txt', 'pub', '/', 'true')")}",
        8 => $"{Of("crosstab('delete from shop.pub returning 1, 2, 3')", "pg_logical_emit_message(true, 'a', 'b')", "brin_summarize_new_values('pub'::regclass)", "gin_clean_pending_list('pub'::regclass)")}",
        9 when depth > 0 => $"({Part(depth - 1)})",
        10 when depth > 0 => $"exists ({Query(depth - 1)})",
        11 => "case when true then 1 else 2 end",
        12 => $"{Of("max", "min", "sum")}({Of("id", "1")}) over ()",
        _ => $"{Number(9)}",
    };
}
