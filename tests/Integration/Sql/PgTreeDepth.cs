using AccessPlane.Agent.Protocols.PostgreSql;

namespace AccessPlane.Tests.Integration.Sql;

/// <summary>How deep the parser's tree of a text really is.</summary>
internal static class PgTreeDepth
{
    private sealed record Depth(int Levels);

    public static int? Of(ReadOnlySpan<byte> text) => PgParserLibrary.Parse([.. text, 0], Measure, out _, out _)?.Levels;

    private static Depth Measure(ReadOnlySpan<byte> tree)
    {
        var (now, most, inText) = (0, 0, false);
        for (var i = 0; i < tree.Length; i++)
        {
            switch (tree[i])
            {
                case (byte)'\\' when inText:
                    i++;
                    break;
                case (byte)'"':
                    inText = !inText;
                    break;
                case (byte)'{' or (byte)'[' when !inText:
                    most = Math.Max(most, ++now);
                    break;
                case (byte)'}' or (byte)']' when !inText:
                    now--;
                    break;
            }
        }
        return new Depth(most);
    }
}
