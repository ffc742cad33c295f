using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A file system of its own that can really be full. Mounting one takes root.</summary>
internal sealed class SmallDisk : IDisposable
{
    public const int Bytes = 16 << 20;
    private readonly string filler;

    private SmallDisk(string path) => (Path, filler) = (path, System.IO.Path.Combine(path, "filler"));

    public string Path { get; }

    public static SmallDisk Mount()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "only root can mount the small file system that this fills");
        var path = Directory.CreateTempSubdirectory("accessplane-disk-").FullName;
        Run("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={Bytes}"), "tmpfs", path);
        return new SmallDisk(path);
    }

    /// <summary>One that a disk stands behind, so to say: it can go read-only beneath files that are open, as it does where the disk fails.</summary>
    public static SmallDisk MountFailing()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess && File.Exists("/dev/loop-control"), "only root, where there are loop devices, can mount the file system that this breaks");
        var path = Directory.CreateTempSubdirectory("accessplane-disk-").FullName;
        var image = $"{path}.img";
        using (var file = File.OpenHandle(image, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.SetLength(file, 2 * Bytes);
        }
        Run("mkfs.ext4", "-q", image);
        Run("mount", "-o", "loop,errors=remount-ro", image, path);
        File.Delete(image); // the mount has it
        return new SmallDisk(path);
    }

    public void GoReadOnly() => Run("mount", "-o", "remount,abort", Path);

    /// <summary>Until not one byte more goes in.</summary>
    public void Fill()
    {
        using var file = File.OpenHandle(filler, FileMode.OpenOrCreate, FileAccess.Write);
        var (at, block) = (RandomAccess.GetLength(file), new byte[64 << 10]);
        for (var size = block.Length; size > 0;)
        {
            try
            {
                RandomAccess.Write(file, block.AsSpan(0, size), at);
                at += size;
            }
            catch (IOException)
            {
                size /= 2;
            }
        }
    }

    public void Empty() => File.Delete(filler);

    public void Dispose()
    {
        Run("umount", "--lazy", Path);
        Directory.Delete(Path);
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, said);
    }
}
