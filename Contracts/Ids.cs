using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts;

/// <summary>
/// Ids of streams. Requests, grants, sessions, holds and locks have a UUIDv7 made at the edge; things that people name
/// (resources, agents, approvers, the policy) have a UUIDv5 of their name, so that everyone computes the same one.
/// </summary>
public static class Ids
{
    private static readonly Guid Namespace = new("6f0c2d0e-5c55-5b6b-9d0a-acce55000001");

    public static Guid Policy { get; } = Named("policy", "current");
    public static Guid Checkpoints { get; } = Named("evidence", "checkpoints");
    public static Guid Keys { get; } = Named("control-plane", "keys");
    public static Guid History { get; } = Named("log", "history");
    public static Guid Agent(string id) => Named("agent", id);
    public static Guid Approver(string name) => Named("approver", name);
    public static Guid Resource(string id) => Named("resource", id);

    /// <summary>RFC 9562 UUIDv5 (SHA-1) of <c>kind/name</c>.</summary>
    public static Guid Named(string kind, string name) => Derive(Namespace, $"{kind}/{name}");

    /// <summary>An id that follows from another: the same cause always yields the same id, so that a repeated command is recognised.</summary>
    public static Guid Derive(Guid from, string what)
    {
        ArgumentNullException.ThrowIfNull(what);
        var input = new byte[16 + Encoding.UTF8.GetByteCount(what)];
        from.TryWriteBytes(input, bigEndian: true, out _);
        Encoding.UTF8.GetBytes(what, input.AsSpan(16));
#pragma warning disable CA5350 // the UUIDv5 algorithm is SHA-1 by definition; nothing here relies on collision resistance
        var hash = SHA1.HashData(input).AsSpan(0, 16);
#pragma warning restore CA5350
        BinaryPrimitives.WriteUInt16BigEndian(hash[6..], (ushort)((BinaryPrimitives.ReadUInt16BigEndian(hash[6..]) & 0x0fff) | 0x5000));
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new Guid(hash, bigEndian: true);
    }

    /// <summary>Names that people give (agents, resources, entitlements): lower case letters, digits and dashes, 1 to 63, starting with a letter.
    /// The alphabet is closed because these names become parts of queue names, file names and permission patterns.</summary>
    public static bool IsName(string? name) =>
        name is { Length: >= 1 and <= 63 } && char.IsAsciiLetterLower(name[0]) && name[^1] != '-' &&
        name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');
}
