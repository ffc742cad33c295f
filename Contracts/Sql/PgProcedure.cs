using System.Collections.Frozen;
using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>libpg_query's JSON tree of a PL/pgSQL body → the SQL in it.</summary>
internal sealed class PgProcedure
{
    private static readonly FrozenSet<string> Known = FrozenSet.Create(StringComparer.Ordinal,
        "PLpgSQL_function", "PLpgSQL_var", "PLpgSQL_rec", "PLpgSQL_row", "PLpgSQL_recfield", "PLpgSQL_type", "PLpgSQL_expr",
        "PLpgSQL_exception", "PLpgSQL_exception_block", "PLpgSQL_condition", "PLpgSQL_diag_item", "PLpgSQL_raise_option", "PLpgSQL_if_elsif",
        "PLpgSQL_case_when", "PLpgSQL_stmt_block", "PLpgSQL_stmt_assign", "PLpgSQL_stmt_if", "PLpgSQL_stmt_loop", "PLpgSQL_stmt_while",
        "PLpgSQL_stmt_fori", "PLpgSQL_stmt_fors", "PLpgSQL_stmt_forc", "PLpgSQL_stmt_foreach_a", "PLpgSQL_stmt_exit", "PLpgSQL_stmt_return",
        "PLpgSQL_stmt_return_next", "PLpgSQL_stmt_return_query", "PLpgSQL_stmt_raise", "PLpgSQL_stmt_assert", "PLpgSQL_stmt_execsql",
        "PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors", "PLpgSQL_stmt_getdiag", "PLpgSQL_stmt_open", "PLpgSQL_stmt_fetch",
        "PLpgSQL_stmt_close", "PLpgSQL_stmt_perform", "PLpgSQL_stmt_call", "PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback", "PLpgSQL_stmt_case");

    private static readonly FrozenSet<string> Looping = FrozenSet.Create(StringComparer.Ordinal,
        "PLpgSQL_stmt_loop", "PLpgSQL_stmt_while", "PLpgSQL_stmt_fori", "PLpgSQL_stmt_fors", "PLpgSQL_stmt_forc", "PLpgSQL_stmt_foreach_a",
        "PLpgSQL_stmt_dynfors");

    public List<string> Texts { get; } = [];

    /// <summary>Why not all it does can be read; null where it can.</summary>
    public string? Opaque { get; private set; }

    /// <summary>Something in it is done over and over.</summary>
    public bool Loops { get; private set; }

    public static PgProcedure Read(ReadOnlyMemory<byte> json)
    {
        using var tree = new PgJson(json);
        var procedure = new PgProcedure();
        var below = new PgDescent(tree.Root);
        while (below.Next(out var child))
        {
            if (child.IsObject || child.IsArray)
            {
                procedure.Visit(child);
                below.Into(child);
            }
        }
        return procedure;
    }

    private void Visit(PgNode node)
    {
        var name = Encoding.ASCII.GetString(node.Name);
        if (name.StartsWith("PLpgSQL_", StringComparison.Ordinal) && !Known.Contains(name))
        {
            Opaque ??= "a block of PL/pgSQL holds something that is not known here";
        }
        if (name is "PLpgSQL_stmt_dynexecute" or "PLpgSQL_stmt_dynfors" or "dynquery")
        {
            Opaque ??= "a block of PL/pgSQL puts its text together while it runs";
        }
        Loops |= Looping.Contains(name);
        if (name == "PLpgSQL_expr" && node["query"u8].Text is { } query)
        {
            Texts.Add(query);
        }
    }
}
