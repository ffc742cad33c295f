using System.Collections.Concurrent;
using System.Net.Sockets;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An address that leads to one server, and from some moment on to another one; what is open stays where it is, as behind a name or an address that moves.</summary>
internal sealed class Detour(int to) : Passage(to)
{
    /// <summary>What is open, and whether answers go back on it.</summary>
    private readonly ConcurrentDictionary<TcpClient, bool> open = [];

    /// <summary>What is open ends; what comes is carried again.</summary>
    public void HangUp()
    {
        foreach (var client in open.Keys)
        {
            client.Close();
        }
    }

    /// <summary>What comes back on what is open now is lost from here on, and nobody is told; what opens later is carried as ever.</summary>
    public void LoseAnswers()
    {
        foreach (var client in open.Keys)
        {
            open[client] = false;
        }
    }

    protected override async Task Carry(TcpClient client, TcpClient server)
    {
        open[client] = true;
        try
        {
            var (one, other) = (client.GetStream(), server.GetStream());
            await Task.WhenAny(one.CopyToAsync(other, Stopping), CarryBack(other, one, client));
        }
        finally
        {
            open.TryRemove(client, out _);
        }
    }

    private async Task CarryBack(NetworkStream from, NetworkStream onto, TcpClient client)
    {
        var buffer = new byte[32 * 1024];
        while (await from.ReadAsync(buffer, Stopping) is var read and > 0)
        {
            if (open.GetValueOrDefault(client))
            {
                await onto.WriteAsync(buffer.AsMemory(0, read), Stopping);
            }
        }
    }
}
