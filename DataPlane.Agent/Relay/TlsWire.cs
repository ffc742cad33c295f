using System.Net.Security;
using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Relay;

/// <summary>A connection under TLS. Records carry at most 8,192 bytes (libpq 15's asynchronous clients hang for ever on larger ones whose end is
/// no message's end) and leave in one send.</summary>
internal sealed class TlsWire : Wire
{
    private const int LargestRecord = 8192;
    private readonly GatheringStream gathered;

    private readonly Wire under;

    private TlsWire(Wire under, GatheringStream gathered, SslStream tls)
    {
        this.under = under;
        this.gathered = gathered;
        Tls = tls;
    }

    public SslStream Tls { get; }

    public override Wiring Wiring => under.Wiring;
    public override bool WaitsWithoutBuffer => true;
    public override bool HasBytes => under.HasBytes;
    public override Presence Presence => under.Presence;

    public static async Task<TlsWire> AsServer(Wire under, SslServerAuthenticationOptions options, CancellationToken cancel)
    {
        var gathered = new GatheringStream(under);
        var tls = new SslStream(gathered, leaveInnerStreamOpen: false);
        await tls.AuthenticateAsServerAsync(options, cancel);
        gathered.Gather();
        return new TlsWire(under, gathered, tls);
    }

    public static async Task<TlsWire> AsClient(Wire under, SslClientAuthenticationOptions options, CancellationToken cancel)
    {
        var gathered = new GatheringStream(under);
        var tls = new SslStream(gathered, leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(options, cancel);
        gathered.Gather();
        return new TlsWire(under, gathered, tls);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask Readable()
    {
#pragma warning disable CA2022 // nothing is to be read: it waits until there is something
        await Tls.ReadAsync(Memory<byte>.Empty);
#pragma warning restore CA2022
    }

    public override ValueTask<int> Receive(Memory<byte> into) => Tls.ReadAsync(into);

    /// <summary>Of what is under TLS: only that something comes can be told without taking it.</summary>
    public override ValueTask<int> Peek(Memory<byte> into, CancellationToken cancel) => under.Peek(into, cancel);

    public override int TryReceive(Span<byte> into) => 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask Send(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var record = bytes[..Math.Min(LargestRecord, bytes.Length)];
            await Tls.WriteAsync(record);
            bytes = bytes[record.Length..];
        }
        await gathered.SendGathered();
    }

    public override void Reset() => under.Reset();

    public override void EndSending() => under.EndSending();

    public override void Close() => under.Close();

    public override void Dispose()
    {
        Tls.Dispose();
        base.Dispose();
    }
}
