namespace AccessPlane.Agent.Relay;

/// <summary>What happens to the next bytes of one direction.</summary>
internal enum Act
{
    /// <summary>They pass as they are.</summary>
    Forward,

    /// <summary>Others pass in their place; none where the replacement is empty.</summary>
    Rewrite,

    /// <summary>Nothing can be said before there are <see cref="Verdict.Bytes"/> of them.</summary>
    More,

    /// <summary>They wait until the other direction has come further.</summary>
    Hold,

    /// <summary>They wait until someone else has decided; the client may take them back by leaving.</summary>
    Park,

    /// <summary>Something slow must be done first, off the threads that serve sockets.</summary>
    Prepare,

    /// <summary>This side is done in good order, and the bytes pass as its farewell.</summary>
    Leave,

    /// <summary>The session ends here and now: one side broke the protocol.</summary>
    Kill,
}

internal readonly record struct Verdict(Act Act, int Bytes, ReadOnlyMemory<byte> Replacement = default)
{
    public static Verdict Forward(int bytes) => new(Act.Forward, bytes);
    public static Verdict Rewrite(int bytes, ReadOnlyMemory<byte> replacement) => new(Act.Rewrite, bytes, replacement);
    public static Verdict Drop(int bytes) => new(Act.Rewrite, bytes);
    public static Verdict More(int bytes) => new(Act.More, bytes);
    public static Verdict Hold { get; } = new(Act.Hold, 0);
    public static Verdict Park { get; } = new(Act.Park, 0);
    public static Verdict Prepare { get; } = new(Act.Prepare, 0);
    public static Verdict Leave(int bytes) => new(Act.Leave, bytes);
    public static Verdict Kill { get; } = new(Act.Kill, 0);
}
