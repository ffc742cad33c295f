using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>`agent-key`: one key of an agent follows another. Whoever believes either can follow to the other: both have signed this.</summary>
/// <param name="Generation">The key under which the agent enrolled is number 1.</param>
/// <param name="PublicKey">ECDSA P-256, SubjectPublicKeyInfo, base64.</param>
/// <param name="Previous">Likewise, of the generation before.</param>
/// <param name="Signature">ECDSA P-256 by the previous key over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
/// <param name="Acceptance">By the new key, over the same bytes.</param>
public sealed record AgentKeyAnnouncement(string Agent, int Generation, string PublicKey, string Previous, string Signature, string Acceptance)
{
    public static AgentKeyAnnouncement Of(string agent, int generation, ECDsa previous, ECDsa next)
    {
        ArgumentNullException.ThrowIfNull(previous);
        ArgumentNullException.ThrowIfNull(next);
        var said = new AgentKeyAnnouncement(agent, generation, PublicOf(next), PublicOf(previous), "", "");
        return said with { Signature = Signatures.Sign(previous, said.SignedBytes()), Acceptance = Signatures.Sign(next, said.SignedBytes()) };
    }

    public static string PublicOf(ECDsa key) => Convert.ToBase64String((key ?? throw new ArgumentNullException(nameof(key))).ExportSubjectPublicKeyInfo());

    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.agent-key.v1\n{Agent}\n{Generation.ToString(CultureInfo.InvariantCulture)}\n{PublicKey}\n{Previous}");

    /// <summary>Whether both keys have signed it.</summary>
    public bool IsWhole() => Check(Previous, Signature) && Check(PublicKey, Acceptance);

    private bool Check(string publicKey, string signature)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
            return Signatures.Check(key, SignedBytes(), signature);
        }
        catch (Exception malformed) when (malformed is CryptographicException or FormatException)
        {
            return false;
        }
    }
}

/// <summary>What the log holds of an agent's keys, said with each lease.</summary>
/// <param name="PublicKey">The newest: its agent signs with it from now on.</param>
/// <param name="Wanted">Which generation an admin wants there to be.</param>
public sealed record AgentKeyWord(string PublicKey, int Generation, int Wanted);
