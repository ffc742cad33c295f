using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>Where the walk is: in which names' scope, where in its statement, and what happens to relations that are named there.</summary>
/// <param name="Events">To relations that are only named; None where they are changed in another way than row by row.</param>
/// <param name="IsPlanned">It is explained and not run.</param>
/// <param name="Target">The list entry that columns become part of.</param>
/// <param name="Derived">What the next SELECT is an arm of.</param>
internal readonly record struct PgPlace(
    PgScope Scope, PgPlaces Places, PgEvents Events, bool IsPlanned = false, PgTarget? Target = null, PgDerived? Derived = null);

/// <summary>The walk over one text's tree: an own stack, so that no text is too deep for it.</summary>
internal sealed class PgWalk(PgFindings found, PgCatalog catalog)
{
    private readonly Stack<(PgNode.Children Level, PgPlace Place)> open = new();
    private readonly PgColumns columns = new(found, catalog);

    public PgFindings Found { get; } = found;
    public PgCatalog Catalog { get; } = catalog;
    public PgColumns Columns => columns;

    /// <summary>Whether the node at hand is a statement of its own, not a part of another.</summary>
    public bool IsOutermost => open.Count <= 1;

    /// <summary>Everything below <paramref name="root"/>, in the order of the tree.</summary>
    public void Into(PgNode root)
    {
        open.Push((root.Below, new PgPlace(new PgScope(null), PgPlaces.None, PgEvents.Select)));
        while (open.TryPop(out var top))
        {
            if (!top.Level.MoveNext())
            {
                continue;
            }
            var child = top.Level.Current;
            open.Push(top);
            if (!child.IsObject && !child.IsArray)
            {
                continue;
            }
            if (Enter(child, top.Place) is { } place)
            {
                open.Push((child.Below, place));
            }
        }
    }

    /// <summary>Names are looked up when all that they may mean has been seen.</summary>
    public void LookUp() => columns.LookUp();

    private static bool IsNode(ReadOnlySpan<byte> name) => name.Length > 0 && char.IsAsciiLetterUpper((char)name[0]);

    /// <returns>The place of what is below it; null for not to look there.</returns>
    private PgPlace? Enter(PgNode node, in PgPlace here)
    {
        var name = node.Name;
        if (name.IsEmpty)
        {
            return here;
        }
        if (!IsNode(name))
        {
            return PgClauses.Enter(this, name, node, here);
        }
        var type = Encoding.ASCII.GetString(name);
        if (type.EndsWith("Stmt", StringComparison.Ordinal))
        {
            return PgStatements.Enter(this, type, node, here);
        }
        return PgExpressions.Enter(this, type, node, here);
    }
}
