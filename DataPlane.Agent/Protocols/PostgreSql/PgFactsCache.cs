using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Facts by exact text, shared by all sessions. Bounded in number and in bytes; a lookup takes the text as it lies in the receive buffer and
/// allocates nothing. Slots are written whole and read without a lock; the hash is seeded per process, so that nobody can aim at a slot.
/// </summary>
internal sealed class PgFactsCache
{
    private const int Ways = 4;
    private const int Sets = 4096;
    private const int LongestText = 64 * 1024;
    private const long MostBytes = 64L * 1024 * 1024;

    private readonly Entry?[] slots = new Entry?[Sets * Ways];
    private long bytes;
    private int turn;

    public PgText? Find(ReadOnlySpan<byte> text)
    {
        var hash = Hash(text);
        var set = SetOf(hash);
        for (var i = set; i < set + Ways; i++)
        {
            if (Volatile.Read(ref slots[i]) is { } entry && entry.Hash == hash && text.SequenceEqual(entry.Known.Text))
            {
                return entry.Known;
            }
        }
        return null;
    }

    /// <returns>The text as it is kept, so that everyone shares one copy.</returns>
    public PgText Add(ReadOnlySpan<byte> text, StatementFacts facts, PgKnowledge resolved)
    {
        if (Find(text) is { } known)
        {
            return known;
        }
        var added = new PgText(text.ToArray(), facts, resolved);
        if (text.Length <= LongestText)
        {
            Keep(new Entry(Hash(text), added));
        }
        return added;
    }

    private void Keep(Entry entry)
    {
        var length = entry.Known.Text.Length;
        var set = SetOf(entry.Hash);
        var slot = set + (Interlocked.Increment(ref turn) & (Ways - 1));
        for (var i = set; i < set + Ways; i++)
        {
            slot = Volatile.Read(ref slots[i]) is null ? i : slot;
        }
        var room = Interlocked.Add(ref bytes, length) <= MostBytes;
        var old = Interlocked.Exchange(ref slots[slot], room ? entry : null);
        Interlocked.Add(ref bytes, -(old?.Known.Text.Length ?? 0) - (room ? 0 : length));
    }

    private static int Hash(ReadOnlySpan<byte> text)
    {
        var hash = default(HashCode);
        hash.AddBytes(text);
        return hash.ToHashCode();
    }

    private static int SetOf(int hash) => (hash & (Sets - 1)) * Ways;

    private sealed record Entry(int Hash, PgText Known);
}
