namespace AccessPlane.Agent.Recording;

/// <summary>Room that is given up when the disk is full, so that what was begun can still be recorded, sealed and ended. Used by one at a time.</summary>
internal sealed class SpoolReserve(string folder)
{
    public const int Bytes = 4 << 20;
    private readonly string path = Path.Combine(folder, ".reserve");
    private volatile bool isHeld;

    public bool IsHeld => isHeld;

    /// <summary>Takes it, where there is room for it.</summary>
    public void Hold()
    {
        try
        {
            using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, preallocationSize: Bytes);
            RandomAccess.Write(file, new byte[Bytes], 0);
            isHeld = true;
        }
        catch (IOException)
        {
            File.Delete(path); // the disk is full: nobody new is admitted until there is room for it
        }
    }

    /// <param name="freeze">Called before there is room: who finds some because of this forwards nothing.</param>
    public void Release(Action freeze)
    {
        if (isHeld)
        {
            isHeld = false;
            freeze();
            File.Delete(path);
        }
    }
}
