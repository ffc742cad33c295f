using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>A mail server (RFC 5321) that takes everything and keeps it. TLS (RFC 3207) and login (RFC 4954) it offers where it is told to.</summary>
internal sealed class MailServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly ConcurrentQueue<Mail> mails = [];
    private readonly Task serving;

    public MailServer()
    {
        listener.Start();
        serving = Serve();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What it says to whoever sends a mail, in the place of taking it.</summary>
    public string? Refuses { get; set; }

    /// <summary>An address that it does not know.</summary>
    public string? Unknown { get; init; }

    /// <summary>With which it offers STARTTLS.</summary>
    public X509Certificate2? Certificate { get; init; }

    /// <summary>`PLAIN` or `LOGIN`: without one it asks nobody who they are.</summary>
    public string? Mechanism { get; init; }

    /// <summary>Whom it lets in.</summary>
    public (string User, string Password) Known { get; init; }

    public IReadOnlyList<Mail> Mails => [.. mails];

    /// <summary>Who tried to come in, and whether anybody could have listened.</summary>
    public ConcurrentQueue<(string User, string Password, bool IsSecured)> Logins { get; } = [];

    /// <summary>Every command that anybody gave.</summary>
    public ConcurrentQueue<string> Commands { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        listener.Stop();
        await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        end.Dispose();
    }

    private async Task Serve()
    {
        while (!end.IsCancellationRequested)
        {
            using var client = await listener.AcceptTcpClientAsync(end.Token);
            try
            {
                await using var plain = client.GetStream();
                if (await Talk(plain, isSecured: false))
                {
                    await using var secured = new SslStream(plain);
                    await secured.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = Certificate }, end.Token);
                    await Talk(secured, isSecured: true);
                }
            }
            catch (Exception left) when (left is IOException or AuthenticationException)
            {
                // it left, or did not trust the certificate
            }
        }
    }

    /// <returns>Whether it goes on with TLS.</returns>
    private async Task<bool> Talk(Stream stream, bool isSecured)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8, leaveOpen: true);
        await using var writer = new StreamWriter(stream, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\r\n", AutoFlush = true };
        if (!isSecured)
        {
            await writer.WriteLineAsync("220 mail.test");
        }
        var (from, to, isIn) = ("", new List<string>(), Mechanism is null);
        while (await reader.ReadLineAsync(end.Token) is { } line)
        {
            Commands.Enqueue(line);
            switch (line.Split(' ')[0].ToUpperInvariant())
            {
                case "EHLO":
                    var offers = new[] { Certificate is not null && !isSecured ? "STARTTLS" : null, Mechanism is null ? null : $"AUTH {Mechanism}", "HELP" };
                    await writer.WriteLineAsync("250-mail.test");
                    foreach (var offer in offers.OfType<string>())
                    {
                        await writer.WriteLineAsync(offer == "HELP" ? "250 HELP" : $"250-{offer}");
                    }
                    break;
                case "STARTTLS" when Certificate is not null && !isSecured:
                    await writer.WriteLineAsync("220 go on");
                    return true;
                case "AUTH" when Mechanism is not null:
                    isIn = await Login(line, reader, writer, isSecured);
                    await writer.WriteLineAsync(isIn ? "235 welcome" : "535 no");
                    break;
                case "MAIL" when !isIn:
                    await writer.WriteLineAsync("530 who are you");
                    break;
                case "MAIL" when Refuses is { } refusal:
                    await writer.WriteLineAsync(refusal);
                    break;
                case "MAIL":
                    (from, to) = (line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..line.IndexOf('>', StringComparison.Ordinal)], []);
                    await writer.WriteLineAsync("250 ok");
                    break;
                case "RCPT" when Unknown is { } unknown && line.Contains(unknown, StringComparison.Ordinal):
                    await writer.WriteLineAsync("550 no such user");
                    break;
                case "RCPT":
                    to.Add(line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..line.IndexOf('>', StringComparison.Ordinal)]);
                    await writer.WriteLineAsync("250 ok");
                    break;
                case "DATA":
                    await writer.WriteLineAsync("354 go on");
                    var data = new StringBuilder();
                    while (await reader.ReadLineAsync(end.Token) is { } part && part != ".")
                    {
                        data.Append(part.StartsWith('.') ? part[1..] : part).Append('\n');
                    }
                    mails.Enqueue(new Mail(from, to, data.ToString()));
                    await writer.WriteLineAsync("250 taken");
                    break;
                case "QUIT":
                    await writer.WriteLineAsync("221 bye");
                    return false;
                default:
                    await writer.WriteLineAsync("250 ok");
                    break;
            }
        }
        return false;
    }

    private async Task<bool> Login(string line, StreamReader reader, StreamWriter writer, bool isSecured)
    {
        var said = line.Split(' ');
        var (user, password) = ("", "");
        if (said[1] == "PLAIN")
        {
            var parts = Text(said.Length > 2 ? said[2] : await Ask("")).Split('\0');
            (user, password) = (parts[1], parts[2]);
        }
        else
        {
            (user, password) = (Text(said.Length > 2 ? said[2] : await Ask("Username:")), Text(await Ask("Password:")));
        }
        Logins.Enqueue((user, password, isSecured));
        return said[1] == Mechanism && (user, password) == Known;

        async Task<string> Ask(string what)
        {
            await writer.WriteLineAsync($"334 {Convert.ToBase64String(Encoding.UTF8.GetBytes(what))}");
            return await reader.ReadLineAsync(end.Token) ?? throw new IOException("it left");
        }

        static string Text(string base64) => Encoding.UTF8.GetString(Convert.FromBase64String(base64));
    }
}

internal sealed record Mail(string From, IReadOnlyList<string> To, string Text)
{
    public string Head => Text[..Text.IndexOf("\n\n", StringComparison.Ordinal)];
}
