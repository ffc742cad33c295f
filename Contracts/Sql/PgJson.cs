using System.Buffers;
using System.Text;
using System.Text.Json;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// A parse tree's JSON as one flat list, in one pass and without recursion, however deep it is. (JsonDocument takes quadratic time on the left-deep
/// trees that chains of operators make: minutes for one hostile megabyte.)
/// </summary>
internal sealed class PgJson : IDisposable
{
    private const int MaxDepth = 1_000_000;

    private readonly ReadOnlyMemory<byte> json;
    private Entry[] items;
    private int count;

    public PgJson(ReadOnlyMemory<byte> json)
    {
        this.json = json;
        items = ArrayPool<Entry>.Shared.Rent(Math.Max(64, json.Length / 16));
        var reader = new Utf8JsonReader(json.Span, new JsonReaderOptions { MaxDepth = MaxDepth });
        var open = new Stack<int>();
        var (nameAt, nameLength) = (0, 0);
        while (reader.Read())
        {
            var at = (int)reader.TokenStartIndex;
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    (nameAt, nameLength) = (at + 1, reader.ValueSpan.Length);
                    continue;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    items[open.Pop()].Next = count;
                    continue;
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    open.Push(count);
                    break;
            }
            Add(new Entry(reader.TokenType, nameAt, nameLength, reader.TokenType == JsonTokenType.String ? at + 1 : at, reader.ValueSpan.Length, count + 1));
            (nameAt, nameLength) = (0, 0);
        }
    }

    public PgNode Root => new(this, 0);

    /// <summary>Somebody has asked what a number is, or whether two leaves are the same: with other numbers in its place the tree may have said something else.</summary>
    public bool NumbersRead { get; set; }

    /// <summary>Every object, wherever it stands, in the order of the tree.</summary>
    public IEnumerable<PgNode> Objects
    {
        get
        {
            for (var i = 0; i < count; i++)
            {
                if (items[i].Type == JsonTokenType.StartObject)
                {
                    yield return new PgNode(this, i);
                }
            }
        }
    }

    public Entry this[int index] => items[index];

    public ReadOnlySpan<byte> Bytes(int at, int length) => json.Span.Slice(at, length);

    private void Add(Entry item)
    {
        if (count == items.Length)
        {
            var larger = ArrayPool<Entry>.Shared.Rent(count * 2);
            items.CopyTo(larger, 0);
            Dispose();
            items = larger;
        }
        items[count++] = item;
    }

    public void Dispose()
    {
        ArrayPool<Entry>.Shared.Return(items);
        items = [];
    }

    /// <param name="NameLength">0 in arrays.</param>
    /// <param name="Next">The item after this one and all that is below it.</param>
    internal record struct Entry(JsonTokenType Type, int NameAt, int NameLength, int ValueAt, int ValueLength, int Next);
}

/// <summary>A place in the tree. The default is no place: nothing is found below it.</summary>
internal readonly struct PgNode(PgJson tree, int index)
{
    private readonly PgJson? tree = tree;
    private readonly int index = index;

    public bool IsObject => tree?[index].Type == JsonTokenType.StartObject;
    public bool IsArray => tree?[index].Type == JsonTokenType.StartArray;
    public bool IsTrue => tree?[index].Type == JsonTokenType.True;

    /// <summary>The member's name; empty in a list. Node types and fields are plain ASCII.</summary>
    public ReadOnlySpan<byte> Name => tree is null ? default : tree.Bytes(tree[index].NameAt, tree[index].NameLength);

    /// <summary>The members of an object or the items of a list, in order.</summary>
    public Children Below => IsObject || IsArray ? new Children(tree!, index + 1, tree![index].Next) : default;

    public PgNode this[ReadOnlySpan<byte> member]
    {
        get
        {
            if (IsObject)
            {
                foreach (var child in Below)
                {
                    if (child.Name.SequenceEqual(member))
                    {
                        return child;
                    }
                }
            }
            return default;
        }
    }

    public bool Exists => tree is not null;

    /// <summary>The same text, number or word; true of what has something below it.</summary>
    public bool IsLeafEqual(PgNode other)
    {
        if (tree is null || other.tree is null || IsObject || IsArray)
        {
            return (tree is null) == (other.tree is null);
        }
        tree.NumbersRead = true;
        var (a, b) = (tree[index], other.tree[other.index]);
        return a.Type == b.Type && tree.Bytes(a.ValueAt, a.ValueLength).SequenceEqual(other.tree.Bytes(b.ValueAt, b.ValueLength));
    }

    /// <summary>The text of a string; null for anything else.</summary>
    public string? Text
    {
        get
        {
            if (tree?[index] is not { Type: JsonTokenType.String } item)
            {
                return null;
            }
            var raw = tree.Bytes(item.ValueAt, item.ValueLength);
            if (!raw.Contains((byte)'\\'))
            {
                return Encoding.UTF8.GetString(raw);
            }
            var reader = new Utf8JsonReader(tree.Bytes(item.ValueAt - 1, item.ValueLength + 2));
            reader.Read();
            return reader.GetString();
        }
    }

    /// <summary>0 for what is no number, or is not there: libpg_query leaves zeros out.</summary>
    public int Number
    {
        get
        {
            if (tree?[index] is not { Type: JsonTokenType.Number } item)
            {
                return 0;
            }
            tree.NumbersRead = true;
            return System.Buffers.Text.Utf8Parser.TryParse(tree.Bytes(item.ValueAt, item.ValueLength), out int number, out _) ? number : 0;
        }
    }

    internal struct Children(PgJson tree, int first, int end)
    {
        private int next = first;

        public PgNode Current { get; private set; }

        public readonly Children GetEnumerator() => this;

        public bool MoveNext()
        {
            if (next >= end)
            {
                return false;
            }
            Current = new PgNode(tree, next);
            next = tree[next].Next;
            return true;
        }
    }
}
