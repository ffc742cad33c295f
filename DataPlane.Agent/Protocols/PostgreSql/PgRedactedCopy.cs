using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Masking;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Detectors over COPY data on its way out: masked columns are not copied at all, but words in others are looked into.</summary>
internal sealed class PgRedactedCopy(PgState state)
{
    private byte[] buffer = [];
    private PgField? found;
    private long covering;
    private int held;

    public bool IsActive => covering > 0 || held > 0;

    /// <summary>A CopyData's first byte is next.</summary>
    public void Begin(PgHiding hiding, int length)
    {
        if (hiding.Layout is null)
        {
            hiding.Layout = PgLayout.OfCopy(hiding);
        }
        found = hiding.Layout.Fields[0];
        (held, covering) = length <= Masker.Longest ? (length + 1, 0) : (PgFrame.Header, length + 1L - PgFrame.Header);
    }

    public Verdict Look(ReadOnlySpan<byte> rest)
    {
        if (held > 0)
        {
            if (rest.Length < held)
            {
                return Verdict.More(held);
            }
            var whole = held;
            held = 0;
            if (buffer.Length < whole)
            {
                buffer = new byte[Math.Max(4096, whole)];
            }
            rest[..whole].CopyTo(buffer);
            var hits = Detectors.Hide(buffer.AsSpan(PgFrame.Header, whole - PgFrame.Header), found!.Detect);
            Count(hits);
            return hits.Count > 0 ? Verdict.Rewrite(whole, buffer.AsMemory(0, whole)) : Verdict.Forward(whole);
        }
        if (rest.IsEmpty)
        {
            return Verdict.More(1);
        }
        var part = (int)Math.Min(covering, Math.Min(rest.Length, Masker.Longest));
        if (buffer.Length < part)
        {
            buffer = new byte[part];
        }
        for (var i = 0; i < part; i++)
        {
            buffer[i] = rest[i] < 0x30 ? rest[i] : (byte)'*'; // what separates values stays
        }
        covering -= part;
        if (covering == 0)
        {
            Count(new Detectors.Hits(1, found!.Found));
        }
        return Verdict.Rewrite(part, buffer.AsMemory(0, part));
    }

    private void Count(Detectors.Hits hits)
    {
        if (hits.Count > 0)
        {
            found!.Hits += hits.Count;
            found.Found = hits.First;
            state.Operations.Masked(state.Unanswered[0].Op);
        }
    }
}
