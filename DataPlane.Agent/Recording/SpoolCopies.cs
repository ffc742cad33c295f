using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Transcripts that the control plane holds whole and that no checkpoint covers yet, under `kept`: a log that is set back before it was witnessed is filled
/// from them. They are copies. The room for what nobody else has comes first.
/// </summary>
internal sealed class SpoolCopies
{
    private const int Digits = 20;
    private const int MostForgotten = 100;
    private readonly string spool;
    private readonly string folder;
    private readonly ConcurrentQueue<Copy> kept = [];
    private long bytes;
    private long live;

    public SpoolCopies(string spool)
    {
        this.spool = spool;
        folder = Directory.CreateDirectory(Path.Combine(spool, "kept")).FullName;
        foreach (var path in Directory.EnumerateFiles(folder, "*.transcript").Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(path).Split('.', 3) is [var log, var position, _] && long.TryParse(log, out var e) && long.TryParse(position, out var p))
            {
                if (!File.Exists(SpoolFile.IndexOf(path)) && File.Exists(SpoolFile.IndexOf(Origin(path))))
                {
                    File.Move(SpoolFile.IndexOf(Origin(path)), SpoolFile.IndexOf(path)); // the process before ended between the two
                }
                if (File.Exists(SpoolFile.IndexOf(path)))
                {
                    Take(e, p, path);
                }
            }
        }
    }

    /// <summary>Of whole transcripts.</summary>
    public long Bytes => Interlocked.Read(ref bytes);

    /// <summary>In the files of sessions that go on.</summary>
    public long LiveBytes => Interlocked.Read(ref live);

    public long AllBytes => Bytes + LiveBytes;

    public void CountLive(long delta) => Interlocked.Add(ref live, delta);

    /// <summary>A transcript that nobody writes or sends any more.</summary>
    /// <param name="log">Which holds it: see <see cref="Witnessed.Log"/>.</param>
    /// <param name="position">Where its end is in that log.</param>
    public void Keep(string path, long log, long position)
    {
        var to = Path.Combine(folder, $"{Number(log)}.{Number(position)}.{Path.GetFileName(path)}");
        // INVARIANT: a start takes up what it finds in the spool, and without its index as something that was never sent
        File.Move(path, to, overwrite: true);
        File.Move(SpoolFile.IndexOf(path), SpoolFile.IndexOf(to), overwrite: true);
        Take(log, position, to);
    }

    /// <summary>What a checkpoint covers goes, some at a time; where the others take more than they may, the oldest do.</summary>
    public void Forget(Witnessed witness, long most)
    {
        for (var i = 0; i < MostForgotten && ForgetOldest(witness); i++)
        {
        }
        var any = witness with { Position = long.MaxValue };
        while (AllBytes > most && ForgetOldest(any))
        {
        }
    }

    /// <summary>Puts those back into the spool that another log than this one held.</summary>
    /// <returns>Where they are.</returns>
    public IReadOnlyList<string> GiveBack(long log)
    {
        List<string> given = [];
        for (var left = kept.Count; left > 0 && kept.TryDequeue(out var copy); left--)
        {
            if (copy.Log == log)
            {
                kept.Enqueue(copy);
                continue;
            }
            Interlocked.Add(ref bytes, -copy.Bytes);
            var to = Origin(copy.Path);
            SpoolIndex.TakeBack(SpoolFile.IndexOf(copy.Path));
            File.Move(SpoolFile.IndexOf(copy.Path), SpoolFile.IndexOf(to), overwrite: true);
            File.Move(copy.Path, to, overwrite: true);
            given.Add(to);
        }
        return given;
    }

    /// <summary>Removes the oldest, where a checkpoint covers it.</summary>
    /// <returns>Whether it did.</returns>
    private bool ForgetOldest(Witnessed witness)
    {
        if (!kept.TryPeek(out var oldest) || !witness.Covers(oldest.Log, oldest.Position) || !kept.TryDequeue(out _))
        {
            return false;
        }
        Interlocked.Add(ref bytes, -oldest.Bytes);
        File.Delete(oldest.Path); // first: an index alone is nobody's transcript
        File.Delete(SpoolFile.IndexOf(oldest.Path));
        return true;
    }

    private void Take(long log, long position, string path)
    {
        var size = new FileInfo(path).Length;
        kept.Enqueue(new Copy(log, position, path, size));
        Interlocked.Add(ref bytes, size);
    }

    /// <summary>Where it was while it was written.</summary>
    private string Origin(string path) => Path.Combine(spool, Path.GetFileName(path).Split('.', 3)[2]);

    private static string Number(long number) => number.ToString($"D{Digits}", CultureInfo.InvariantCulture);

    private sealed record Copy(long Log, long Position, string Path, long Bytes);
}

/// <summary>How far checkpoints outside of the control plane's database speak of its log.</summary>
/// <param name="Log">Which log: another one after it was set back, or could have been. 0 where that is not known yet.</param>
internal sealed record Witnessed(long Log, long Position)
{
    /// <param name="epoch">The log's.</param>
    /// <param name="server">What the control plane calls the server that it is on.</param>
    public static long LogOf(long epoch, string server) =>
        BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{epoch} {server}")))) & long.MaxValue;

    public bool Covers(long log, long position) => log == Log && position <= Position;
}
