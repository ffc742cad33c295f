using System.Collections.Concurrent;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration;

/// <summary>
/// What one control plane has made that nobody may find again, and all that it has said: at the end of its life none of the former stands in its log, its errors,
/// or in any table of its database.
/// </summary>
internal sealed class HostSecrets : ILoggerProvider
{
    private readonly ConcurrentQueue<(string Where, string Text)> said = [];

    public SecretSweep Sweep { get; } = new();

    /// <summary>A caller whose answers are looked at.</summary>
    public HttpClient Client(Uri address) => new(new Listening(this)) { BaseAddress = address };

    /// <param name="keys">The folder of the control plane's keys.</param>
    public async Task NoneIsLeftBehind(string database, string keys)
    {
        foreach (var key in Directory.EnumerateFiles(keys, "*.pem"))
        {
            Sweep.KnowsFile(key);
        }
        foreach (var (where, text) in said)
        {
            Sweep.Look(where, text);
        }
        if (Directory.Exists($"{keys}/checkpoints"))
        {
            Sweep.LookInFiles($"{keys}/checkpoints");
        }
        await Sweep.LookInDatabase(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ConnectionString, "the log's database");
        Assert.True(Sweep.Found.Count == 0, $"secrets stand where none may:\n{string.Join('\n', Sweep.Found)}");
    }

    public ILogger CreateLogger(string categoryName) => new Ear(this, categoryName);

    public void Dispose()
    {
    }

    /// <summary>What an answer tells once is a secret; in any other answer there is none.</summary>
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
                if (!answer.IsSuccessStatusCode)
                {
                    secrets.said.Enqueue(($"the answer {(int)answer.StatusCode} to {request.Method} {request.RequestUri?.AbsolutePath}", text));
                }
                else
                {
                    using var body = JsonDocument.Parse(text);
                    secrets.Sweep.KnowsOf(body.RootElement);
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
            secrets.said.Enqueue(($"the log of {category}", $"{formatter(state, exception)} {exception}"));
    }
}
