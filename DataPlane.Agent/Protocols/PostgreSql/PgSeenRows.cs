using System.Buffers;
using System.Buffers.Binary;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Keeps the first rows of an operation as they leave for the client, hidden where they are hidden, until their result is over or one comes that is not kept:
/// then they are recorded. Operations are answered one behind the other: there is one buffer, of the pool, for one result, and neither an idle session nor one
/// whose client leaves the rest unread holds any. What is beyond the bound is counted.
/// </summary>
internal sealed class PgSeenRows(IPgOversight oversight)
{
    private byte[] buffer = [];
    private long op;
    private int columns;
    private int used;
    private int rowsLeft;
    private int bytesLeft;
    private bool isDescribed;
    private bool? copyIsBinary;
    private bool isOver;

    /// <summary>Of the row that passes now: what is still to come, its bytes, and where it is kept.</summary>
    private long coming;
    private int size;
    private int start;
    private bool isKept;
    private long rowsOmitted;
    private long bytesOmitted;

    /// <summary>A result begins.</summary>
    /// <param name="description">A RowDescription's body.</param>
    public void Describe(long its, RecordedRows bound, ReadOnlySpan<byte> description)
    {
        if (!Begins(its, bound))
        {
            return;
        }
        isDescribed = rowsLeft > 0 && description.Length <= bytesLeft && Keep(description);
        if (isDescribed)
        {
            bytesLeft -= description.Length;
            columns = used;
        }
        else
        {
            rowsLeft = used = 0;
        }
    }

    /// <summary>COPY data begins: each piece of it counts as a row.</summary>
    public void BeginCopy(long its, RecordedRows bound, bool inBinary)
    {
        if (Begins(its, bound))
        {
            (isDescribed, copyIsBinary) = (true, inBinary);
        }
    }

    /// <summary>A row comes, described or not.</summary>
    public void Begin(long its, RecordedRows bound)
    {
        if (its != op)
        {
            Begins(its, bound);
        }
    }

    /// <summary>The next bytes of a row that the client gets. INVARIANT: the first of them hold its whole header.</summary>
    public void Take(ReadOnlySpan<byte> passed)
    {
        if (op == 0 || isOver || passed.IsEmpty)
        {
            return;
        }
        if (coming == 0)
        {
            coming = PgFrame.LengthAt(passed);
            size = (int)coming - 4;
            passed = passed[1..];
            isKept = isDescribed && rowsLeft > 0 && size <= bytesLeft;
            start = used;
            if (isKept)
            {
                rowsLeft--;
                bytesLeft -= size;
            }
            else
            {
                RecordKept(); // not when the result is over: its client may take hours, and this process die meanwhile
                rowsLeft = 0; // what is kept is the beginning, without holes
                Omit();
            }
        }
        coming -= passed.Length;
        if (isKept)
        {
            Append(passed);
        }
    }

    /// <summary>Nothing reaches the client any more.</summary>
    public void Stop() => isOver = true;

    /// <summary>A result is over: what is kept of it is recorded.</summary>
    public void EndResult(long its)
    {
        if (its != op || op == 0)
        {
            return;
        }
        if (coming > 0 && isKept)
        {
            used = start; // it was cut off in its middle
            Omit();
        }
        coming = 0;
        RecordKept();
        (isDescribed, copyIsBinary) = (false, null);
    }

    /// <summary>Nothing more comes of an operation.</summary>
    public void EndOperation(long its)
    {
        EndResult(its);
        if (its == op && rowsOmitted > 0)
        {
            Record();
        }
        op = its == op ? 0 : op;
    }

    private bool Begins(long its, RecordedRows bound)
    {
        if (isOver)
        {
            return false;
        }
        EndResult(op);
        if (its != op)
        {
            EndOperation(op);
            (op, rowsLeft, bytesLeft) = (its, bound.Most, bound.Bytes);
        }
        return true;
    }

    /// <summary>Columns in the form of <see cref="SeenRows"/>.</summary>
    /// <returns>Whether it can be read.</returns>
    private bool Keep(ReadOnlySpan<byte> description)
    {
        var reader = new PgReader(description);
        var count = reader.Count();
        Span<byte> head = stackalloc byte[9];
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            var name = reader.Text();
            reader.Bytes(6); // where it comes from
            var type = reader.Int32();
            reader.Bytes(6); // size and modifier
            head[4] = (byte)reader.Count();
            BinaryPrimitives.WriteInt32BigEndian(head, type);
            BinaryPrimitives.WriteInt32BigEndian(head[5..], name.Length);
            Append(head);
            Append(name);
        }
        return reader.Exact;
    }

    private void Omit()
    {
        rowsOmitted++;
        bytesOmitted += size;
    }

    private void RecordKept()
    {
        if (used > columns)
        {
            Record();
        }
        (used, columns) = (0, 0);
        GiveBack();
    }

    private void Record()
    {
        if (!oversight.Rows(op, new SeenRows(buffer.AsSpan(0, columns), buffer.AsSpan(columns, used - columns), rowsOmitted, bytesOmitted, copyIsBinary)))
        {
            rowsLeft = 0; // nor is what comes behind them
        }
        (rowsOmitted, bytesOmitted) = (0, 0);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (buffer.Length - used < bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(4096, Math.Max(2 * buffer.Length, used + bytes.Length)));
            buffer.AsSpan(0, used).CopyTo(larger);
            GiveBack();
            buffer = larger;
        }
        bytes.CopyTo(buffer.AsSpan(used));
        used += bytes.Length;
    }

    private void GiveBack()
    {
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = [];
        }
    }
}
