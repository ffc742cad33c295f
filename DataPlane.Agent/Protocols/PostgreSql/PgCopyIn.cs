using System.Security.Cryptography;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>COPY FROM STDIN is data: it passes as it comes, counted and hashed for the record.</summary>
internal sealed class PgCopyIn(IPgOversight oversight)
{
    private IncrementalHash? hash;
    private long bytes;

    /// <summary>Part of a CopyData message's body.</summary>
    public void Read(ReadOnlySpan<byte> data)
    {
        hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(data);
        bytes += data.Length;
    }

    /// <returns>How many bytes came in.</returns>
    public long End(string how)
    {
        var all = bytes;
        using (hash)
        {
            var digest = hash is null ? "" : $", sha-256 {Convert.ToHexStringLower(hash.GetHashAndReset())}";
            oversight.Fact("copy", $"{how}: {all} bytes{digest}");
        }
        hash = null;
        bytes = 0;
        return all;
    }
}
