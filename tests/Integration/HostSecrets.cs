using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>
/// What one control plane or agent has made that nobody may find again, and all that it has said: at the end of its life none of the former stands in its log, its
/// answers, what clients were told, what it has recorded and reported, or in any table of its database.
/// </summary>
internal sealed class HostSecrets : ILoggerProvider
{
    private static readonly ConcurrentDictionary<HostSecrets, bool> Living = [];

    public HostSecrets() => Living[this] = true;

    public SecretSweep Sweep { get; } = new();

    /// <summary>Whose secret it might hold, a client does not know: all that live hear it.</summary>
    public static void ClientWasTold(string where, string text)
    {
        foreach (var (secrets, _) in Living)
        {
            secrets.Sweep.Hears(where, text);
        }
    }

    /// <summary>A caller whose answers are looked at.</summary>
    public HttpClient Client(Uri address) => new(new Listening(this)) { BaseAddress = address };

    /// <summary>What an agent that has ended leaves in its state folder. Its spool is encrypted: what is in it is heard elsewhere.</summary>
    /// <param name="but">Files that hold its secrets.</param>
    public void HearsState(string folder, params string[] but)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(p => !but.Contains(p) && !p.StartsWith($"{folder}/spool/", StringComparison.Ordinal)))
        {
            Sweep.Hears($"the agent's file {Path.GetRelativePath(folder, path)}", File.ReadAllText(path, Encoding.Latin1));
        }
    }

    /// <param name="keys">The folder of the control plane's keys.</param>
    public async Task NoneIsLeftBehind(string database, string keys)
    {
        var log = new NpgsqlConnectionStringBuilder(database) { Pooling = false };
        Sweep.Knows("the log's password", log.Password);
        foreach (var key in Directory.EnumerateFiles(keys, "*.pem"))
        {
            Sweep.KnowsFile(key);
        }
        if (Directory.Exists($"{keys}/checkpoints"))
        {
            Sweep.LookInFiles($"{keys}/checkpoints");
        }
        await Sweep.LookInDatabase(log.ConnectionString, "the log's database");
        NoneWasSaid();
    }

    /// <summary>Where there is no database: nothing more is heard after this.</summary>
    public void NoneWasSaid()
    {
        Living.TryRemove(this, out _);
        Sweep.LookAtWhatWasHeard();
        Assert.True(Sweep.Found.Count == 0, $"secrets stand where none may:\n{string.Join('\n', Sweep.Found)}");
    }

    public ILogger CreateLogger(string categoryName) => new Ear(this, categoryName);

    public void Dispose()
    {
    }

    /// <summary>What an answer tells once is a secret; in anything else that it says there is none, nor in any other answer.</summary>
    private sealed class Listening(HostSecrets secrets) : DelegatingHandler(new HttpClientHandler())
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var answer = await base.SendAsync(request, cancellationToken);
            var isJson = answer.Content.Headers.ContentType?.MediaType is "application/json" or "application/problem+json";
            if (isJson && (request.Method == HttpMethod.Post || !answer.IsSuccessStatusCode))
            {
                await answer.Content.LoadIntoBufferAsync(cancellationToken);
                var text = await answer.Content.ReadAsStringAsync(cancellationToken);
                var where = $"the answer {(int)answer.StatusCode} to {request.Method} {request.RequestUri?.AbsolutePath}";
                if (!answer.IsSuccessStatusCode)
                {
                    secrets.Sweep.Hears(where, text);
                }
                else
                {
                    using var body = JsonDocument.Parse(text);
                    secrets.Sweep.KnowsOf(body.RootElement);
                    secrets.Sweep.Hears(where, SecretSweep.Beside(body.RootElement));
                }
            }
            return answer;
        }
    }

    private sealed class Ear(HostSecrets secrets, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            secrets.Sweep.Hears($"the log of {category}", $"{formatter(state, exception)} {exception}");
    }
}
