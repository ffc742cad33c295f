using System.Runtime.CompilerServices;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The operations of the running sync unit: opened (and recorded) before they are forwarded, followed while the server answers, and their
/// results recorded when ReadyForQuery tells the transaction's status.
/// </summary>
internal sealed class PgOperations(IPgOversight oversight, TimeProvider clock)
{
    private const int MostOpen = 256;
    private const int LongestMessage = 1024;

    private byte[] message = [];
    private Slot[] slots = new Slot[4];
    private int count;
    private int messageLength;
    private long messageOf;
    private CodeBytes unitCode;
    private int unitCodeLength;
    private bool unitFailed;

    /// <summary>What of their rows is kept for the record.</summary>
    public PgSeenRows Seen { get; } = new(oversight);

    /// <summary>Records an operation.</summary>
    /// <returns>Its number, by which everything else here names it.</returns>
    public long Open(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, StatementFacts facts, Ruling ruling)
    {
        if (count == MostOpen)
        {
            Write(0, onlyDone: true);
        }
        var op = oversight.Statement(protocol, text, parameters, facts, ruling);
        if (count == slots.Length)
        {
            Array.Resize(ref slots, count * 2);
        }
        slots[count] = default;
        slots[count].Op = op;
        slots[count].Started = clock.GetTimestamp();
        count++;
        return op;
    }

    public void Row(long op, int bytes)
    {
        if (Find(op) is var at and >= 0)
        {
            slots[at].RowsSinceTag++;
            slots[at].Bytes += bytes;
        }
    }

    /// <summary>A value was hidden.</summary>
    public void Masked(long op)
    {
        if (Find(op) is var at and >= 0)
        {
            slots[at].Masked++;
        }
    }

    public void Bytes(long op, long bytes)
    {
        if (Find(op) is var at and >= 0)
        {
            slots[at].Bytes += bytes;
        }
    }

    /// <summary>One statement of the operation is done.</summary>
    public void Tag(long op, ReadOnlySpan<byte> tag)
    {
        Seen.EndResult(op);
        if (Find(op) is not (var at and >= 0))
        {
            return;
        }
        ref var slot = ref slots[at];
        slot.Rows += Affected(tag) ?? slot.RowsSinceTag;
        slot.RowsSinceTag = 0;
        slot.TagLength = Math.Min(tag.Length, TagBytes.Size);
        tag[..slot.TagLength].CopyTo(slot.Tag);
    }

    /// <summary>How long it has been running.</summary>
    public TimeSpan RunningFor(long op) =>
        Find(op) is var at and >= 0 && slots[at].Outcome is null ? clock.GetElapsedTime(slots[at].Started) : TimeSpan.Zero;

    /// <summary>At least one statement of the operation was done.</summary>
    public bool HasTag(long op) => Find(op) is var at and >= 0 && slots[at].TagLength > 0;

    public void Complete(long op) => Done(op, "completed");

    public void Skip(long op) => Done(op, "skipped");

    /// <summary>It ended with an error; the first one told stays.</summary>
    public void Fail(long op, string outcome, ReadOnlySpan<byte> code, ReadOnlySpan<byte> text)
    {
        if (Find(op) is not (var at and >= 0) || slots[at].Outcome is not null)
        {
            return;
        }
        Done(op, outcome);
        ref var slot = ref slots[at];
        slot.CodeLength = Math.Min(code.Length, CodeBytes.Size);
        code[..slot.CodeLength].CopyTo(slot.Code);
        if (message.Length == 0)
        {
            message = new byte[LongestMessage]; // most sessions never hear an error
        }
        messageLength = Math.Min(text.Length, LongestMessage);
        text[..messageLength].CopyTo(message);
        messageOf = op;
    }

    public bool IsDone(long op) => Find(op) is not (var at and >= 0) || slots[at].Outcome is not null;

    /// <summary>Something of the unit failed, be it an operation, a message that is none, or the unit's own end.</summary>
    public void FailUnit(ReadOnlySpan<byte> code)
    {
        unitFailed = true;
        unitCodeLength = Math.Min(code.Length, CodeBytes.Size);
        code[..unitCodeLength].CopyTo(unitCode);
    }

    /// <summary>The unit is over: results are recorded.</summary>
    public void End(byte status)
    {
        if (status == 'I' && unitFailed)
        {
            Undo();
        }
        unitFailed = false;
        Write(status, onlyDone: false);
    }

    /// <summary>Without a transaction block, a failure takes along what the unit had completed, back to where a transaction ended. Nothing completes behind it.</summary>
    private void Undo()
    {
        for (var i = count - 1; i >= 0 && !EndsTransaction(slots[i]); i--)
        {
            ref var slot = ref slots[i];
            if (slot.Outcome == "completed")
            {
                slot.Outcome = "undone";
                slot.Code = unitCode;
                slot.CodeLength = unitCodeLength;
            }
        }
    }

    private static bool EndsTransaction(in Slot slot)
    {
        ReadOnlySpan<byte> tag = slot.Tag;
        return slot.Outcome == "completed" && (tag[..slot.TagLength].SequenceEqual("COMMIT"u8) || tag[..slot.TagLength].SequenceEqual("ROLLBACK"u8));
    }

    /// <summary>The session is cut: what has not been answered has an unknown outcome.</summary>
    public void Abandon()
    {
        for (var i = 0; i < count; i++)
        {
            Done(slots[i].Op, "unknown");
        }
        Write(0, onlyDone: false);
    }

    private void Done(long op, string outcome)
    {
        if (Find(op) is var at and >= 0 && slots[at].Outcome is null)
        {
            Seen.EndOperation(op);
            ref var slot = ref slots[at];
            slot.Outcome = outcome;
            slot.Micros = (long)clock.GetElapsedTime(slot.Started).TotalMicroseconds;
            slot.Rows += slot.RowsSinceTag;
            slot.RowsSinceTag = 0;
        }
    }

    private void Write(byte status, bool onlyDone)
    {
        var kept = 0;
        for (var i = 0; i < count; i++)
        {
            if (slots[i].Outcome is null && onlyDone)
            {
                slots[kept++] = slots[i];
                continue;
            }
            Done(slots[i].Op, "completed"); // bound and never run
            ref var slot = ref slots[i];
            var text = messageOf == slot.Op ? message.AsSpan(0, messageLength) : default;
            ReadOnlySpan<byte> tag = slot.Tag;
            ReadOnlySpan<byte> code = slot.Code;
            oversight.Result(slot.Op, new OperationResult(
                slot.Outcome!, status, slot.Micros, slot.Rows, slot.Bytes, tag[..slot.TagLength], code[..slot.CodeLength], text, slot.Masked));
        }
        count = kept;
        messageOf = 0;
    }

    /// <summary>Operations are numbered in the order they are opened: the newest is asked for most.</summary>
    private int Find(long op)
    {
        for (var i = count - 1; i >= 0; i--)
        {
            if (slots[i].Op == op)
            {
                return i;
            }
        }
        return -1;
    }

    /// <summary>The number at the end of a command tag: `INSERT 0 5`.</summary>
    internal static long? Affected(ReadOnlySpan<byte> tag)
    {
        var digits = tag[(tag.LastIndexOf((byte)' ') + 1)..];
        return digits.Length < tag.Length && System.Buffers.Text.Utf8Parser.TryParse(digits, out long rows, out var used) && used == digits.Length && char.IsAsciiDigit((char)digits[0]) ? rows : null;
    }

    private struct Slot
    {
        public long Op;
        public long Started;
        public long Micros;
        public long Rows;
        public long RowsSinceTag;
        public long Bytes;
        public long Masked;
        public string? Outcome;
        public int TagLength;
        public int CodeLength;
        public TagBytes Tag;
        public CodeBytes Code;
    }

    [InlineArray(Size)]
    private struct TagBytes
    {
        public const int Size = 64;
        private byte first;
    }

    [InlineArray(Size)]
    private struct CodeBytes
    {
        public const int Size = 5;
        private byte first;
    }
}
