using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Directives;

/// <param name="Halted">The kind of an order that this agent did not understand; it stays frozen over restarts until a version comes that does.</param>
/// <param name="Seen">Proves the position to a control plane that has forgotten it.</param>
internal sealed record Remembered(long Epoch, long Position, string? Halted = null, Witness? Seen = null);

/// <summary>
/// The highest epoch and position that this agent saw, over restarts: who restores an old backup, or replays old orders, cannot turn it back.
/// Two slots are written in turn, each with its checksum, so that a torn write leaves the other one.
/// </summary>
internal sealed class Memory : IDisposable
{
    internal const int Slot = 1024;

    /// <summary>Where an earlier version had its second slot; one of today's first slot is spaces there.</summary>
    private const int OldSlot = 512;
    private readonly SafeFileHandle file;
    private int turn;

    public Memory(string state)
    {
        Directory.CreateDirectory(state);
        file = File.OpenHandle(Path.Combine(state, "position"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        var slots = new[] { Read(0), Read(Slot) };
        turn = slots[0] is null || (slots[1] is { } second && Newer(second, slots[0]!)) ? 0 : 1;
        Last = slots.Append(Read(OldSlot)).OfType<Remembered>().Aggregate(new Remembered(0, 0), (best, slot) => Newer(slot, best) ? slot : best);
        if (slots.All(s => s is null) && RandomAccess.GetLength(file) > 0)
        {
            // INVARIANT: no memory is not the same as nothing seen; forgetting would let old orders in
            throw new InvalidDataException($"`{Path.Combine(state, "position")}` cannot be read: enrol the agent again with an empty state folder");
        }
    }

    public Remembered Last { get; private set; }

    /// <summary>On disk when this returns, as far as the process is concerned; a loss of the host may cost the last moments.</summary>
    public void Remember(Remembered now)
    {
        var text = JsonSerializer.Serialize(now, Json.Options);
        var line = Encoding.UTF8.GetBytes($"{Check(text)} {text}\n".PadRight(Slot, ' '));
        RandomAccess.Write(file, line, (long)turn * Slot);
        turn = 1 - turn;
        Last = now;
    }

    public void Dispose()
    {
        if (!file.IsClosed)
        {
            RandomAccess.FlushToDisk(file);
            file.Dispose();
        }
    }

    private Remembered? Read(long offset)
    {
        var bytes = new byte[Slot];
        var length = RandomAccess.Read(file, bytes, offset);
        var text = Encoding.UTF8.GetString(bytes, 0, length).Split('\n')[0];
        return text.Length > 17 && Check(text[17..]) == text[..16] ? JsonSerializer.Deserialize<Remembered>(text[17..], Json.Options) : null;
    }

    private static bool Newer(Remembered one, Remembered other) =>
        (one.Epoch, one.Position).CompareTo((other.Epoch, other.Position)) is var order && (order > 0 || (order == 0 && one.Halted is not null));

    private static string Check(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];
}
