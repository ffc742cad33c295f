using System.Security.Cryptography;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What the control plane does for an agent's spool, without a control plane: it alone can open the keys of the sessions.</summary>
internal static class ControlPlaneKey
{
    /// <summary>For a child process, whose sessions the parent takes up.</summary>
    public const string Variable = "ACCESSPLANE_TEST_SPOOL_KEY";

    private static readonly ECDiffieHellman Key = Make();

    public static string Export()
    {
        lock (Key)
        {
            return Convert.ToBase64String(Key.ExportPkcs8PrivateKey());
        }
    }

    public static string Wrap(Guid session, string key)
    {
        lock (Key)
        {
            return Sealed.Seal(Key, key, SpoolKeyAsk.ContextOf("a", session));
        }
    }

    public static List<byte[]>? Open(LeftSession left)
    {
        lock (Key)
        {
            var opened = left.Wrapped.Select(w => Sealed.Open(Key, w.Wrapped, SpoolKeyAsk.ContextOf("a", left.Session))).ToList();
            return opened.Contains(null) ? null : [.. opened.Select(k => Convert.FromBase64String(k!))];
        }
    }

    /// <summary>Takes up everything that an earlier process left, as an agent does once the control plane has answered.</summary>
    /// <returns>What was found wrong, each thing once.</returns>
    public static List<EvidenceGap> Recover(Spool spool)
    {
        var recover = new RecoverSpool(spool, TimeProvider.System);
        List<EvidenceGap> findings = [.. recover.Run()];
        foreach (var left in recover.Left.ToList())
        {
            findings.AddRange(recover.Take(left.Session, Open(left)));
        }
        return [.. findings.Distinct()];
    }

    private static ECDiffieHellman Make()
    {
        var key = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        if (Environment.GetEnvironmentVariable(Variable) is { } given)
        {
            key.ImportPkcs8PrivateKey(Convert.FromBase64String(given), out _);
        }
        return key;
    }
}
