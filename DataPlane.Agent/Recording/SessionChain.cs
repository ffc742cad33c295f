using System.Globalization;
using System.Text;

namespace AccessPlane.Agent.Recording;

/// <summary>The agent's count of sessions, without holes, and which session has the last number: each names the one before it. Used by one at a time.</summary>
internal sealed class SessionChain : IDisposable
{
    private const int Digits = 20;
    private const int IdLength = 36;
    private readonly FileStream file;

    /// <param name="state">The folder in which it outlives the process.</param>
    public SessionChain(string state)
    {
        file = new FileStream(Path.Combine(state, "sessions.count"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        Span<byte> text = stackalloc byte[Digits + 1 + IdLength];
        var length = file.Read(text);
        Next = (long.TryParse(text[..Math.Min(length, Digits)], CultureInfo.InvariantCulture, out var count) ? count : 0) + 1;
        // a version before this one wrote the number alone
        Last = Guid.TryParse(Encoding.ASCII.GetString(text[Math.Min(length, Digits)..length]), out var session) ? session : null;
    }

    /// <summary>The next session's number.</summary>
    public long Next { get; private set; }

    /// <summary>The session that has the number before, where that is known.</summary>
    public Guid? Last { get; private set; }

    /// <summary>A session has this number, which is the next one or later.</summary>
    /// <exception cref="IOException">It cannot be written down.</exception>
    public void Add(long number, Guid session)
    {
        file.Seek(0, SeekOrigin.Begin);
        file.Write(Encoding.ASCII.GetBytes($"{number.ToString("D20", CultureInfo.InvariantCulture)} {session:D}"));
        (Next, Last) = (number + 1, session);
    }

    public void Dispose() => file.Dispose();
}
