namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Numbers that look random and are the same for the same seed (SplitMix64): a failure is found again by its seed.</summary>
internal sealed class Noise(ulong seed)
{
    private ulong state = seed;

    public int Below(int most)
    {
        var z = state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (int)((z ^ (z >> 31)) % (ulong)most);
    }

    public bool OnceIn(int times) => Below(times) == 0;

    /// <summary>The bytes with something done to them: flipped, cut out, doubled, put in, cut off, or a number at the edge of what numbers can be.</summary>
    public byte[] Mutated(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return bytes;
        }
        var at = Below(bytes.Length);
        var to = Math.Min(bytes.Length, at + 1 + Below(8));
        int[] edges = [0, -1, 1, 3, 4, 5, int.MaxValue, int.MinValue, 0x3fffffff, 0x40000000, 65535, 1 << 20];
        return Below(6) switch
        {
            0 => [.. bytes[..at], (byte)(bytes[at] ^ (1 << Below(8))), .. bytes[(at + 1)..]],
            1 => [.. bytes[..at], .. bytes[to..]],
            2 => [.. bytes[..to], .. bytes[at..]],
            3 => [.. bytes[..at], (byte)Below(256), .. bytes[at..]],
            4 => bytes[..at],
            _ => [.. bytes[..at], .. Frames.Int32(edges[Below(edges.Length)]), .. bytes[Math.Min(bytes.Length, at + 4)..]],
        };
    }
}
