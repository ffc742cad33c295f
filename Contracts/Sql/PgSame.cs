namespace AccessPlane.Contracts.Sql;

/// <summary>The same expression twice: equal trees, wherever in the text they stand.</summary>
internal static class PgSame
{
    public static bool Is(PgNode one, PgNode other)
    {
        if (!one.Exists || !other.Exists)
        {
            return false;
        }
        var todo = new Stack<(PgNode, PgNode)>([(one, other)]);
        var steps = 0;
        while (todo.TryPop(out var pair))
        {
            var (a, b) = pair;
            if (++steps > 2000 || a.IsObject != b.IsObject || a.IsArray != b.IsArray || !a.IsLeafEqual(b) || a.Name.SequenceEqual("FuncCall"u8))
            {
                return false; // a function may answer differently each time
            }
            var (left, right) = (a.Below, b.Below);
            while (true)
            {
                var (hasLeft, hasRight) = (Next(ref left), Next(ref right));
                if (hasLeft != hasRight)
                {
                    return false;
                }
                if (!hasLeft)
                {
                    break;
                }
                if (!left.Current.Name.SequenceEqual(right.Current.Name))
                {
                    return false;
                }
                todo.Push((left.Current, right.Current));
            }
        }
        return true;

        static bool Next(ref PgNode.Children children)
        {
            while (children.MoveNext())
            {
                if (!children.Current.Name.SequenceEqual("location"u8))
                {
                    return true;
                }
            }
            return false;
        }
    }
}
