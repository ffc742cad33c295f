using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// Whether a condition picks rows of a statement's target, or is the same for all of them. Anything that does not look at the target's own columns is
/// taken for true of every row, because nothing here can show that it is not. A condition that only values decide (`id > -1`) picks rows.
/// </summary>
internal sealed class PgTruth(PgCatalog catalog, PgNode statement)
{
    /// <summary>Deeper conditions are not looked into: they count as true.</summary>
    private const int Deepest = 200;

    private readonly PgWritten target = new(catalog, statement);

    /// <summary>Row: it depends on the row. Free: it does not, and what it is cannot be told.</summary>
    private enum Truth { Row, Free, True, False }

    /// <param name="condition">As the statement's member has it: a wrapped node.</param>
    public bool IsBounded(PgNode condition) => condition.Exists && Of(condition, 0) is Truth.Row or Truth.False;

    private Truth Of(PgNode wrapped, int depth)
    {
        if (depth > Deepest)
        {
            return Truth.Free;
        }
        foreach (var node in wrapped.Below)
        {
            return Encoding.ASCII.GetString(node.Name) switch
            {
                "A_Const" => Constant(node),
                "TypeCast" => Of(node["arg"u8], depth + 1),
                "BoolExpr" => Boolean(node, depth + 1),
                "A_Expr" => Comparison(node, depth + 1),
                "NullTest" => Null(node, wrapped),
                "BooleanTest" => Test(node, depth + 1),
                "CoalesceExpr" => First(node, depth + 1),
                "CaseExpr" => Case(node, wrapped, depth + 1),
                "SubLink" => SubSelect(node, wrapped),
                "CurrentOfExpr" => Truth.Row,
                _ => Depends(wrapped),
            };
        }
        return Truth.Free;
    }

    private static Truth Constant(PgNode node)
    {
        if (node["boolval"u8] is { Exists: true } boolean)
        {
            return boolean["boolval"u8].IsTrue ? Truth.True : Truth.False;
        }
        if (node["sval"u8]["sval"u8].Text is { } text)
        {
            var word = text.Trim().ToLowerInvariant();
            var isFalse = word.Length > 0 && (word is "0" or "of" or "off" || "false".StartsWith(word, StringComparison.Ordinal) || "no".StartsWith(word, StringComparison.Ordinal));
            return isFalse ? Truth.False : Truth.True;
        }
        return node["isnull"u8].IsTrue || (node["ival"u8].Exists && node["ival"u8]["ival"u8].Number == 0) ? Truth.False : Truth.True;
    }

    private Truth Boolean(PgNode node, int depth)
    {
        var of = new List<(Truth Truth, PgNode Node)>();
        foreach (var argument in node["args"u8].Below)
        {
            of.Add((Of(argument, depth), argument));
        }
        switch (node["boolop"u8].Text)
        {
            case "NOT_EXPR":
                return of is [var (only, _)] ? Not(only) : Truth.Free;
            case "AND_EXPR":
                return of.Any(o => o.Truth == Truth.False) ? Truth.False :
                    of.All(o => o.Truth == Truth.True) ? Truth.True :
                    of.Any(o => o.Truth == Truth.Row) ? Truth.Row : Truth.Free;
            default:
                return of.Any(o => o.Truth == Truth.True) || Complement(of) ? Truth.True :
                    of.All(o => o.Truth == Truth.False) ? Truth.False :
                    of.Any(o => o.Truth == Truth.Free) ? Truth.Free : Truth.Row;
        }
    }

    private static Truth Not(Truth truth) => truth switch { Truth.True => Truth.False, Truth.False => Truth.True, _ => truth };

    /// <summary>`x is null or x is not null`, `p or not p`.</summary>
    private static bool Complement(List<(Truth Truth, PgNode Node)> arms)
    {
        if (arms.Count > 50)
        {
            return false;
        }
        foreach (var (_, one) in arms)
        {
            foreach (var (_, other) in arms)
            {
                var (isNull, isNot) = (one["NullTest"u8], other["NullTest"u8]);
                if (isNull["nulltesttype"u8].Text == "IS_NULL" && isNot["nulltesttype"u8].Text == "IS_NOT_NULL" && PgSame.Is(isNull["arg"u8], isNot["arg"u8]))
                {
                    return true;
                }
                var not = other["BoolExpr"u8];
                if (not["boolop"u8].Text == "NOT_EXPR" && Only(not["args"u8]) is { } inner && PgSame.Is(one, inner))
                {
                    return true;
                }
            }
        }
        return false;
    }

    private Truth Comparison(PgNode node, int depth)
    {
        var (left, right) = (node["lexpr"u8], node["rexpr"u8]);
        var symbol = PgTree.Qualified(node["name"u8]).Name;
        switch (node["kind"u8].Text)
        {
            case "AEXPR_OP" or "AEXPR_DISTINCT" or "AEXPR_NOT_DISTINCT":
                var isNot = node["kind"u8].Text == "AEXPR_DISTINCT";
                if (PgSame.Is(left, right))
                {
                    return symbol is "=" or "<=" or ">=" ? (isNot ? Truth.False : Truth.True) : symbol is "<>" or "<" or ">" ? Truth.False : Depends(left);
                }
                return Compare(Value(left, depth), Value(right, depth), symbol) is { } result ? (result != isNot ? Truth.True : Truth.False) : Either(left, right);
            case "AEXPR_LIKE" or "AEXPR_ILIKE" when symbol is "~~" or "~~*" && Value(right, depth) is { } pattern && pattern.Length > 1 && pattern[1..].All(c => c == '%'):
                return Truth.True;
            case "AEXPR_IN":
                foreach (var item in right["List"u8]["items"u8].Below)
                {
                    if (PgSame.Is(left, item) || (Value(left, depth) is { } a && a == Value(item, depth)))
                    {
                        return symbol == "=" ? Truth.True : Truth.False;
                    }
                }
                return Either(left, right);
            case "AEXPR_BETWEEN" or "AEXPR_BETWEEN_SYM":
                return Between(left, right);
            default:
                return Either(left, right);
        }
    }

    private Truth Between(PgNode left, PgNode bounds)
    {
        foreach (var bound in bounds["List"u8]["items"u8].Below)
        {
            if (!PgSame.Is(left, bound))
            {
                return Either(left, bounds);
            }
        }
        return Truth.True;
    }

    private Truth Either(PgNode left, PgNode right) => Depends(left) == Truth.Row || Depends(right) == Truth.Row ? Truth.Row : Truth.Free;

    /// <summary>A constant's value with its kind in front: `n1`, `stext`; null for what is none.</summary>
    private static string? Value(PgNode wrapped, int depth)
    {
        while (wrapped["TypeCast"u8] is { Exists: true } cast && depth++ < Deepest)
        {
            wrapped = cast["arg"u8];
        }
        if (wrapped["A_Const"u8] is not { Exists: true } node || node["isnull"u8].IsTrue)
        {
            return null;
        }
        return node["sval"u8].Exists ? $"s{node["sval"u8]["sval"u8].Text}" :
            node["fval"u8].Exists ? $"n{node["fval"u8]["fval"u8].Text}" :
            node["boolval"u8].Exists ? $"b{node["boolval"u8]["boolval"u8].IsTrue}" : $"n{node["ival"u8]["ival"u8].Number}";
    }

    /// <returns>Null where it cannot be told here.</returns>
    private static bool? Compare(string? left, string? right, string symbol)
    {
        if (left is null || right is null)
        {
            return null;
        }
        if (symbol is "=" or "<>" && left == right)
        {
            return symbol == "=";
        }
        if (left[0] == 'n' && right[0] == 'n' && decimal.TryParse(left[1..], System.Globalization.CultureInfo.InvariantCulture, out var a) &&
            decimal.TryParse(right[1..], System.Globalization.CultureInfo.InvariantCulture, out var b))
        {
            return symbol switch { "=" => a == b, "<>" => a != b, "<" => a < b, ">" => a > b, "<=" => a <= b, ">=" => a >= b, _ => null };
        }
        return null; // constants all the same: not of the row, and so true of all or none
    }

    private Truth Null(PgNode node, PgNode wrapped)
    {
        var isNot = node["nulltesttype"u8].Text == "IS_NOT_NULL";
        var argument = node["arg"u8];
        if (argument["A_Const"u8] is { Exists: true } constant)
        {
            return constant["isnull"u8].IsTrue == isNot ? Truth.False : Truth.True;
        }
        if (argument["ColumnRef"u8] is { Exists: true } column && Depends(wrapped) == Truth.Row)
        {
            var (_, columnName) = PgTree.Qualified(column["fields"u8]);
            if (target.IsNeverNull(columnName))
            {
                return isNot ? Truth.True : Truth.False;
            }
        }
        return Depends(wrapped);
    }

    private Truth Test(PgNode node, int depth)
    {
        var of = Of(node["arg"u8], depth);
        return node["booltesttype"u8].Text switch
        {
            "IS_TRUE" or "IS_NOT_FALSE" => of,
            "IS_NOT_TRUE" or "IS_FALSE" => Not(of),
            "IS_NOT_UNKNOWN" => of is Truth.False ? Truth.True : of,
            _ => of is Truth.True ? Truth.False : of,
        };
    }

    private Truth First(PgNode node, int depth)
    {
        var all = new List<Truth>();
        foreach (var argument in node["args"u8].Below)
        {
            all.Add(Of(argument, depth));
        }
        return all.Contains(Truth.Row) && all[0] != Truth.True ? Truth.Row : all is [Truth.False, ..] && all.TrueForAll(t => t == Truth.False) ? Truth.False : Truth.Free;
    }

    private Truth Case(PgNode node, PgNode wrapped, int depth)
    {
        var all = new List<Truth>();
        foreach (var arm in node["args"u8].Below)
        {
            all.Add(Of(arm["CaseWhen"u8]["result"u8], depth));
        }
        all.Add(node["defresult"u8] is { Exists: true } other ? Of(other, depth) : Truth.False);
        if (all.TrueForAll(t => t == Truth.True))
        {
            return Truth.True;
        }
        return all.TrueForAll(t => t == Truth.False) ? Truth.False : Depends(wrapped);
    }

    /// <summary>`id in (select id from t)` is true of every row of t.</summary>
    private Truth SubSelect(PgNode node, PgNode wrapped)
    {
        var select = node["subselect"u8]["SelectStmt"u8];
        var isWhole = !select["whereClause"u8].Exists && !select["havingClause"u8].Exists && !select["limitCount"u8].Exists && !select["limitOffset"u8].Exists;
        if (node["subLinkType"u8].Text == "ANY_SUBLINK" && isWhole && Only(select["fromClause"u8])?["RangeVar"u8]["relname"u8].Text == target.Name)
        {
            return Truth.True;
        }
        return Depends(wrapped);
    }

    private static PgNode? Only(PgNode list)
    {
        PgNode? only = null;
        foreach (var item in list.Below)
        {
            if (only is not null)
            {
                return null;
            }
            only = item;
        }
        return only;
    }

    private Truth Depends(PgNode wrapped) => target.IsIn(wrapped) ? Truth.Row : Truth.Free;
}
