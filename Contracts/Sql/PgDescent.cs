namespace AccessPlane.Contracts.Sql;

/// <summary>Everything below a node, in the order of the tree, however deep and without recursion: whoever walks says what is looked into.</summary>
internal readonly struct PgDescent
{
    private readonly Stack<PgNode.Children> open = new();

    public PgDescent(PgNode root) => Into(root);

    public bool Next(out PgNode node)
    {
        while (open.TryPop(out var level))
        {
            if (level.MoveNext())
            {
                node = level.Current;
                open.Push(level);
                return true;
            }
        }
        node = default;
        return false;
    }

    public void Into(PgNode node) => open.Push(node.Below);
}
