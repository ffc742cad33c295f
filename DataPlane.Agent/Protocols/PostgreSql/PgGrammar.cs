using System.Buffers;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Bodies of functions and blocks, read by the native parser within its bounds. Only for threads with a <see cref="SqlBounds.ParserStack"/>.</summary>
internal sealed class PgGrammar : IPgGrammar
{
    public static PgGrammar Native { get; } = new();

    public bool Read(string text, PgLanguage language, Action<ReadOnlyMemory<byte>> look)
    {
        var terminated = new byte[Encoding.UTF8.GetByteCount(text) + 1];
        Encoding.UTF8.GetBytes(text, terminated);
        var body = terminated.AsSpan(0, terminated.Length - 1);
        if (body.Length > SqlBounds.MaxText || body.Contains((byte)0) || SqlBounds.Of(body).WhyTooBig is not null)
        {
            return false;
        }
        return language == PgLanguage.Sql
            ? PgParserLibrary.Parse<object>(terminated, tree => Show(tree, look), out _, out _) is not null
            : SqlBounds.BlocksIn(body) <= SqlBounds.MaxBlocks && PgParserLibrary.ParseProcedure<object>(terminated, tree => Show(tree, look)) is not null;
    }

    /// <returns>Null where the tree itself cannot be read.</returns>
    public static object? Show(ReadOnlySpan<byte> tree, Action<ReadOnlyMemory<byte>> look)
    {
        var copy = ArrayPool<byte>.Shared.Rent(tree.Length);
        try
        {
            tree.CopyTo(copy);
            look(copy.AsMemory(0, tree.Length));
            return look;
        }
        catch (JsonException)
        {
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
        }
    }
}
