using System.Text;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// The used-set of this agent's tickets, on disk: a use is written and fsynced before anyone is admitted by it, so that no crash makes a ticket
/// count again. One line a use, and one for a use that came to nothing. A ticket names this one agent, so that nobody else needs to know.
/// </summary>
public sealed class Tickets : IDisposable
{
    private const string TokenPrefix = "token_";

    /// <summary>No ticket's name begins with it.</summary>
    private const char Back = '-';

    /// <summary>So often a ticket's connections may come to nothing: whoever goes on trying dials the database each time.</summary>
    private const int MostGivenBack = 20;

    private readonly Lock guard = new();
    private FileStream file;
    private readonly Dictionary<string, int> uses = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int> givenBack = new(StringComparer.Ordinal);
    private bool broken;

    private Tickets(FileStream file) => this.file = file;

    public static Tickets Open(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "tickets.used");
        var tickets = new Tickets(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read));
        tickets.Load();
        return tickets;
    }

    public int Uses(string ticket)
    {
        lock (guard)
        {
            return uses.GetValueOrDefault(ticket);
        }
    }

    /// <summary>Whether another connection may be made, as things are now. Looking does not consume.</summary>
    /// <param name="latestNow">The latest that the control plane's clock may show.</param>
    public bool IsOpen(TicketOffer offer, DateTimeOffset latestNow)
    {
        var used = Uses(offer.Ticket);
        return used < offer.Connections && (used > 0 || latestNow < offer.FirstUseBy);
    }

    /// <summary>Takes one connection. Exactly <see cref="TicketOffer.Connections"/> calls succeed, however many race and whatever restarts in between, beside those
    /// that are given back.</summary>
    /// <exception cref="IOException">The use cannot be written: nobody is admitted, and the use counts.</exception>
    public bool Take(TicketOffer offer, DateTimeOffset latestNow)
    {
        lock (guard)
        {
            if (broken || !IsOpen(offer, latestNow))
            {
                return false;
            }
            uses[offer.Ticket] = uses.GetValueOrDefault(offer.Ticket) + 1;
            try
            {
                file.Write(Encoding.ASCII.GetBytes($"{offer.Ticket}\n"));
                file.Flush(flushToDisk: true);
            }
            catch (IOException)
            {
                // a torn line would hide the next use: no more tickets until the file is read again
                broken = true;
                throw;
            }
            return true;
        }
    }

    /// <summary>A connection that was taken came to nothing, and may be made again, in the time that the ticket has left, but not without end. Where that
    /// cannot be written it stays taken.</summary>
    public void GiveBack(string ticket)
    {
        lock (guard)
        {
            var before = givenBack.GetValueOrDefault(ticket);
            if (broken || uses.GetValueOrDefault(ticket) == 0 || before == MostGivenBack)
            {
                return;
            }
            try
            {
                file.Write(Encoding.ASCII.GetBytes($"{Back}{ticket}\n"));
                file.Flush();
                uses[ticket]--;
                givenBack[ticket] = before + 1;
            }
            catch (IOException)
            {
                broken = true; // as where a use cannot be written
            }
        }
    }

    /// <summary>The name under which the use of a token is kept, until it has expired.</summary>
    public static string TokenMark(string mark, DateTimeOffset end) => $"{TokenPrefix}{end.ToUnixTimeSeconds()}_{mark}";

    /// <summary>Forgets tickets and tokens that nobody can use any more, so that the file does not grow for ever.</summary>
    /// <param name="earliestNow">The earliest that the control plane's clock may show.</param>
    public void Keep(IReadOnlySet<string> known, DateTimeOffset earliestNow)
    {
        lock (guard)
        {
            var gone = uses.Keys.Where(t => !known.Contains(t) && !IsLiveToken(t, earliestNow)).ToList();
            if (gone.Count < 1000 && gone.Count * 2 < uses.Count)
            {
                return;
            }
            foreach (var ticket in gone)
            {
                uses.Remove(ticket);
                givenBack.Remove(ticket);
            }
            Rewrite();
        }
    }

    public void Dispose() => file.Dispose();

    private static bool IsLiveToken(string name, DateTimeOffset earliestNow) =>
        name.StartsWith(TokenPrefix, StringComparison.Ordinal) &&
        (name.Split('_') is not [_, var end, ..] || !long.TryParse(end, out var seconds) || earliestNow.ToUnixTimeSeconds() <= seconds);

    private void Load()
    {
        using var reader = new StreamReader(file, Encoding.ASCII, leaveOpen: true);
        while (reader.ReadLine() is { } line)
        {
            var isBack = line.StartsWith(Back);
            var ticket = isBack ? line[1..] : line;
            uses[ticket] = Math.Max(0, uses.GetValueOrDefault(ticket) + (isBack ? -1 : 1));
            if (isBack)
            {
                givenBack[ticket] = givenBack.GetValueOrDefault(ticket) + 1;
            }
        }
        // a torn last line: its use was never admitted; ended here, it cannot run into the next one
        file.Seek(0, SeekOrigin.End);
        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
                file.Flush(flushToDisk: true);
            }
        }
    }

    private void Rewrite()
    {
        var path = file.Name;
        var next = new FileStream($"{path}.new", FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
        foreach (var (ticket, count) in uses)
        {
            for (var i = 0; i < count; i++)
            {
                next.Write(Encoding.ASCII.GetBytes($"{ticket}\n"));
            }
        }
        next.Flush(flushToDisk: true);
        File.Move(next.Name, path, overwrite: true);
        // the stream's name stays that of the moved file: it is opened again under the right one
        next.Dispose();
        file.Dispose();
        file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        file.Seek(0, SeekOrigin.End);
    }
}
