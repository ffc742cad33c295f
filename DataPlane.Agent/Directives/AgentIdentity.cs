using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>Who this agent is, and whom it believes.</summary>
public sealed class AgentIdentity : IDisposable
{
    private readonly Lock guard = new();
    private readonly Action<TrustedKeys> keep;
    private readonly AgentKeyFiles? files;
    private ECDsa key;
    private ECDsa? next;
    private volatile Believed believed;

    public AgentIdentity(Enrolment enrolment, ECDsa key)
        : this(enrolment, key, null, _ => { })
    {
    }

    /// <param name="trusted">What was kept; null for the keys of the enrolment.</param>
    /// <param name="keep">Has it survive a restart; returns when it does.</param>
    /// <param name="files">Of the agent's own key; null for one that never changes.</param>
    internal AgentIdentity(Enrolment enrolment, ECDsa key, TrustedKeys? trusted, Action<TrustedKeys> keep, AgentKeyFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(enrolment);
        (Id, Enrolment, this.key, this.keep, this.files) = (enrolment.Agent, enrolment, key, keep, files);
        believed = new Believed(trusted ?? new TrustedKeys([enrolment.SigningKey], enrolment.EncryptionKey, ""));
    }

    public string Id { get; }
    public Enrolment Enrolment { get; }

    /// <summary>Of what the control plane has said of its keys.</summary>
    public string Ring => believed.Keys.Digest;

    public Report Sign(Report report)
    {
        ArgumentNullException.ThrowIfNull(report);
        lock (guard)
        {
            return report.SignWith(key);
        }
    }

    /// <summary>Signed with a key that this agent believes, or that such a one vouches for in the same breath: an agent that slept through a rotation finds back.</summary>
    public bool IsFromControlPlane(Directive directive)
    {
        ArgumentNullException.ThrowIfNull(directive);
        if (believed.Signed(directive))
        {
            return true;
        }
        if (directive.Kind != DirectiveKinds.Keys || RingOf(directive) is not { } ring)
        {
            return false;
        }
        using var next = new Believed(believed.Keys.After(ring));
        return next.Signed(directive);
    }

    /// <summary>Believes what it may of what the control plane says of its keys.</summary>
    internal void Take(KeyRing ring)
    {
        var next = believed.Keys.After(ring);
        if (next != believed.Keys)
        {
            keep(next);
            // the one before may still be in use at this moment: it goes with the garbage
            believed = new Believed(next);
        }
    }

    /// <summary>What the control plane knows of this agent's own key: once that is the one that was announced, it is the one to sign with.</summary>
    /// <returns>What to announce; null where nothing is wanted.</returns>
    internal AgentKeyAnnouncement? Take(AgentKeyWord word)
    {
        lock (guard)
        {
            if (files is null)
            {
                return null;
            }
            if (word.PublicKey == AgentKeyAnnouncement.PublicOf(key))
            {
                return word.Wanted > word.Generation ? AgentKeyAnnouncement.Of(Id, word.Generation + 1, key, next ??= files.Next()) : null;
            }
            if (files.HasNext && AgentKeyAnnouncement.PublicOf(next ??= files.Next()) == word.PublicKey)
            {
                files.Promote();
                key.Dispose();
                (key, next) = (next, null);
            }
            return null;
        }
    }

    public string SealForControlPlane(string secret, string context) => believed.Seal(secret, context);

    public void Dispose()
    {
        key.Dispose();
        next?.Dispose();
        believed.Dispose();
    }

    /// <summary>The key is not safe to use from several threads at once.</summary>
    internal void UseKey(Action<ECDsa> use)
    {
        lock (guard)
        {
            use(key);
        }
    }

    private static KeyRing? RingOf(Directive directive)
    {
        try
        {
            return Bodies.Read(directive) as KeyRing;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>The keys, ready to be used.</summary>
    private sealed class Believed : IDisposable
    {
        private readonly Lock guard = new();
        private readonly List<ECDsa> signing = [];
        private readonly ECDiffieHellman encryption = ECDiffieHellman.Create();

        public Believed(TrustedKeys keys)
        {
            Keys = keys;
            foreach (var publicKey in keys.Signing)
            {
                var imported = ECDsa.Create();
                imported.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
                signing.Add(imported);
            }
            encryption.ImportSubjectPublicKeyInfo(Convert.FromBase64String(keys.Encryption), out _);
        }

        public TrustedKeys Keys { get; }

        public bool Signed(Directive directive)
        {
            lock (guard)
            {
                return signing.Any(directive.IsSignedBy);
            }
        }

        public string Seal(string secret, string context)
        {
            lock (guard)
            {
                return Sealed.Seal(encryption, secret, context);
            }
        }

        public void Dispose()
        {
            signing.ForEach(k => k.Dispose());
            encryption.Dispose();
        }
    }
}
