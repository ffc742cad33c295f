using System.Buffers.Binary;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Masking;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Rewrites rows on their way. A row's length stands before its fields, so that everything up to the last masked field is held, up to a bound; what
/// comes behind streams, because detectors hide in place and change no length. One buffer, used again for every row.
/// </summary>
internal sealed class PgRedactedRows(PgState state)
{
    private const int MostHeld = 1024 * 1024;
    private const int RowHeader = PgFrame.Header + 2;

    private byte[] buffer = [];
    private PgLayout? layout;
    private PgHiding? hiding;
    private int field;
    private long frame;
    private long remaining;
    private long passing;
    private long covering;
    private long dropping;
    private bool isCoverStart;
    private bool isDropped;

    public bool IsActive { get; private set; }

    /// <summary>A DataRow's first byte is next.</summary>
    public void Begin(PgHiding its, int length)
    {
        (hiding, layout) = (its, its.Layout);
        (frame, remaining, field, passing, covering, dropping) = (length + 1L, length + 1L, -1, 0, 0, 0);
        isDropped = false;
        IsActive = true;
    }

    public Verdict Look(ReadOnlySpan<byte> rest)
    {
        var verdict = dropping > 0 ? Drop(rest) : field < 0 ? Start(rest) : Fields(rest);
        if (verdict.Act is Act.Forward or Act.Rewrite)
        {
            remaining -= verdict.Bytes;
            IsActive = remaining > 0;
            if (!IsActive && !isDropped && field != layout!.Fields.Length)
            {
                return Broken();
            }
        }
        return verdict;
    }

    private Verdict Start(ReadOnlySpan<byte> rest)
    {
        if (rest.Length < RowHeader)
        {
            return frame < RowHeader ? Broken() : Verdict.More(RowHeader);
        }
        if (BinaryPrimitives.ReadUInt16BigEndian(rest[PgFrame.Header..]) != layout!.Fields.Length)
        {
            return Broken();
        }
        if (layout.LastMasked < 0)
        {
            field = 0;
            return Verdict.Forward(RowHeader);
        }
        // the prefix through the last masked field must be here
        var end = RowHeader;
        for (var i = 0; i <= layout.LastMasked; i++)
        {
            if (rest.Length < end + 4 || end + 4 > MostHeld)
            {
                return NeedPrefix(rest, end + 4L);
            }
            var length = BinaryPrimitives.ReadInt32BigEndian(rest[end..]);
            if (length < -1 || end + 4L + Math.Max(0, length) > frame)
            {
                return Broken();
            }
            if (end + 4L + length > Math.Min(rest.Length, MostHeld))
            {
                return NeedPrefix(rest, end + 4L + length);
            }
            end += 4 + Math.Max(0, length);
        }
        return Rewrite(rest[..end]);
    }

    private Verdict NeedPrefix(ReadOnlySpan<byte> rest, long need)
    {
        if (need <= MostHeld)
        {
            return Verdict.More((int)Math.Max(need, Math.Min(frame, Math.Min(rest.Length * 2L, 64 * 1024))));
        }
        state.Redaction.Stop(ref state.Unanswered[0], $"a row's masked columns lie behind more than {MostHeld:N0} bytes");
        (dropping, isDropped) = (frame, true);
        return Drop(rest);
    }

    private Verdict Drop(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return Verdict.More(1);
        }
        var part = (int)Math.Min(dropping, rest.Length);
        dropping -= part;
        return Verdict.Drop(part);
    }

    private Verdict Rewrite(ReadOnlySpan<byte> prefix)
    {
        var (from, to) = (RowHeader, RowHeader);
        Room(prefix.Length + 64);
        prefix[..RowHeader].CopyTo(buffer);
        for (var i = 0; i <= layout!.LastMasked; i++)
        {
            var its = layout.Fields[i];
            var length = BinaryPrimitives.ReadInt32BigEndian(prefix[from..]);
            var value = prefix.Slice(from + 4, Math.Max(0, length));
            from += 4 + value.Length;
            Room(to + 4 + (its.Masker?.Room(value.Length) ?? value.Length) + (prefix.Length - from));
            var written = Write(its, value, length < 0, buffer.AsSpan(to + 4));
            BinaryPrimitives.WriteInt32BigEndian(buffer.AsSpan(to), written);
            to += 4 + Math.Max(0, written);
        }
        BinaryPrimitives.WriteInt32BigEndian(buffer.AsSpan(1), (int)(frame - 1 + to - prefix.Length));
        field = layout.LastMasked + 1;
        return Verdict.Rewrite(prefix.Length, buffer.AsMemory(0, to));
    }

    private int Write(PgField its, ReadOnlySpan<byte> value, bool isNull, Span<byte> into)
    {
        if (its.Masker is { } masker && !(its.KeepsNothing && value.IsEmpty))
        {
            state.Operations.Masked(state.Unanswered[0].Op);
            return masker.Mask(value, isNull, into);
        }
        value.CopyTo(into);
        if (its.Definition == DefinitionText.Trimmed)
        {
            Literals.BlankTrimmed(into[..value.Length]);
        }
        else if (its.Definition == DefinitionText.Whole && its.IsArray)
        {
            Literals.BlankArray(into[..value.Length], its.IsBinary);
        }
        else if (its.Definition == DefinitionText.Whole)
        {
            Literals.Blank(into[..value.Length]);
        }
        else if (its.Detect != 0)
        {
            Count(its, value.Length > Masker.Longest ? Cover(into[..value.Length], its) : Detectors.Hide(into[..value.Length], its.Detect));
        }
        return isNull ? -1 : value.Length;
    }

    /// <summary>Fields that keep their length: they stream.</summary>
    private Verdict Fields(ReadOnlySpan<byte> rest)
    {
        var at = 0;
        while (true)
        {
            if (covering > 0)
            {
                return at > 0 ? Verdict.Forward(at) : Cover(rest);
            }
            if (passing > 0)
            {
                var part = (int)Math.Min(passing, rest.Length - at);
                passing -= part;
                at += part;
                if (passing > 0)
                {
                    return at > 0 ? Verdict.Forward(at) : Verdict.More(1);
                }
            }
            if (at == remaining)
            {
                return field == layout!.Fields.Length ? Verdict.Forward(at) : Broken();
            }
            if (field == layout!.Fields.Length)
            {
                return Broken();
            }
            if (rest.Length - at < 4)
            {
                return at > 0 ? Verdict.Forward(at) : remaining < 4 ? Broken() : Verdict.More(4);
            }
            var length = BinaryPrimitives.ReadInt32BigEndian(rest[at..]);
            if (length < -1 || at + 4L + Math.Max(0, length) > remaining)
            {
                return Broken();
            }
            var its = layout.Fields[field];
            if (its.Detect == 0 || length <= 0 || length > Masker.Longest)
            {
                isCoverStart = true;
                (covering, passing) = its.Detect != 0 && length > 0 ? (length, 0) : (0, Math.Max(0, length));
                at += 4;
                field++;
                continue;
            }
            if (rest.Length - at < 4 + length)
            {
                return at > 0 ? Verdict.Forward(at) : Verdict.More(4 + length);
            }
            Room(4 + length);
            rest.Slice(at, 4 + length).CopyTo(buffer);
            var hits = Detectors.Hide(buffer.AsSpan(4, length), its.Detect);
            if (hits.Count > 0)
            {
                if (at > 0)
                {
                    return Verdict.Forward(at);
                }
                Count(its, hits);
                field++;
                return Verdict.Rewrite(4 + length, buffer.AsMemory(0, 4 + length));
            }
            at += 4 + length;
            field++;
        }
    }

    /// <summary>A value too long to be looked into is hidden as a whole, piece by piece.</summary>
    private Verdict Cover(ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            return Verdict.More(1);
        }
        var its = layout!.Fields[field - 1];
        var part = (int)Math.Min(covering, Math.Min(rest.Length, 16 * 1024));
        Room(part);
        buffer.AsSpan(0, part).Fill((byte)'*');
        if (Masker.IsJson(its.Type))
        {
            if (isCoverStart)
            {
                var version = rest[0] == 1 ? 1 : 0; // jsonb in binary
                buffer[0] = (byte)version;
                buffer[Math.Min(version, part - 1)] = (byte)'"';
            }
            if (part == covering)
            {
                buffer[part - 1] = (byte)'"';
            }
        }
        isCoverStart = false;
        covering -= part;
        if (covering == 0)
        {
            Count(its, new Detectors.Hits(1, its.Found));
        }
        return Verdict.Rewrite(part, buffer.AsMemory(0, part));
    }

    private static Detectors.Hits Cover(Span<byte> value, PgField its)
    {
        var start = Masker.IsJson(its.Type) && value[0] == 1 ? 1 : 0;
        value[start..].Fill((byte)'*');
        if (Masker.IsJson(its.Type))
        {
            value[start] = value[^1] = (byte)'"';
        }
        return new Detectors.Hits(1, its.Found);
    }

    private void Count(PgField its, Detectors.Hits hits)
    {
        if (hits.Count > 0)
        {
            its.Hits += hits.Count;
            its.Found = hits.First;
            state.Operations.Masked(state.Unanswered[0].Op);
        }
    }

    private void Room(int bytes)
    {
        if (buffer.Length < bytes)
        {
            Array.Resize(ref buffer, (int)Math.Max(4096, System.Numerics.BitOperations.RoundUpToPowerOf2((uint)bytes)));
        }
    }

    private Verdict Broken()
    {
        state.Broken ??= $"the database sent a row that is not what it described (operation {state.Unanswered[0].Op}, {hiding!.Rules.Count} rules)";
        return Verdict.Kill;
    }
}
