namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Whether behind a Parse there is a Bind of its statement that will be recorded in its place: one that is not all there, or adds up to nothing, records
/// nothing.</summary>
internal static class PgNextBind
{
    /// <param name="need">How much of the next message must be there.</param>
    /// <returns>Null while not enough of the next message has come.</returns>
    public static bool? IsOf(ReadOnlySpan<byte> name, ReadOnlySpan<byte> next, PgNames names, out int need)
    {
        need = next.IsEmpty ? 1 : PgFrame.Header;
        if (next.IsEmpty || (next[0] == 'B' && next.Length < need))
        {
            return null;
        }
        if (next[0] != 'B' || PgFrame.LengthAt(next) is var length && length is < 4 or > PgFrame.MaxLength)
        {
            return false;
        }
        var isHeld = length <= PgClientSide.LongestHeldBind;
        need = isHeld ? length + 1 : PgClientSide.LongestHeldBind;
        if (next.Length < need)
        {
            return null;
        }
        var body = next[PgFrame.Header..need];
        var reads = isHeld ? PgBind.TryRead(body, out var bind) : PgBind.TryReadHead(body, out bind, out _);
        return reads && bind.Statement.SequenceEqual(name) && bind.Portal.Length <= PgNames.LongestName && names.HasRoomForPortal(bind.Portal);
    }
}
