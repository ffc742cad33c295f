using System.Buffers.Binary;
using System.Net.Sockets;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.Tests.Integration.Wire;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>What an append asks of the log's server, counted on the way there.</summary>
public sealed class OneRoundTripTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static readonly EventContext Context = new(Actor.System("test"), Guid.Empty);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static StreamAppend To(Guid stream, long expected) => new(stream, "resource", expected, [new ResourceRegistered($"r{stream:N}", "postgresql")]);

    [Fact]
    public async Task An_append_asks_the_server_one_thing_and_waits_for_one_answer_whatever_it_expects_and_however_it_ends()
    {
        var direct = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var way = new CountedWay(direct.Port);
        var counted = new NpgsqlConnectionStringBuilder(database.ConnectionString)
        {
            Host = "127.0.0.1",
            Port = way.Port,
            SslMode = SslMode.Disable,
            GssEncryptionMode = GssEncryptionMode.Disable,
            MaxPoolSize = 1,
            NoResetOnClose = true, // what resets a connection goes with whatever comes next, and is no part of it
        };
        await using var source = NpgsqlDataSource.Create(counted.ConnectionString);
        var log = new EventLog(source, TimeProvider.System, database.Pulse);
        await log.Append(new Append([To(Guid.CreateVersion7(), 0)], Context), Cancel); // a new connection asks for more

        var (one, other, command) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await Asks<Appended.Done>("a new stream", To(one, 0));
        await Asks<Appended.Done>("a stream that goes on", To(one, 1));
        await Asks<Appended.Done>("two streams", To(one, 2), To(other, 0));
        await Asks<Appended.Conflict>("a version that it has not", To(one, 1));
        await Asks<Appended.Conflict>("a stream that is there already", To(one, 0));
        await Asks<Appended.Done>("a command", To(one, 3));
        await Asks<Appended.Repeated>("a command again", To(one, 3));

        async Task Asks<T>(string what, params StreamAppend[] streams)
            where T : Appended
        {
            way.Forget();
            Assert.IsType<T>(await log.Append(new Append(streams, Context, what.StartsWith("a command", StringComparison.Ordinal) ? command : null), Cancel));
            Assert.Equal($"{what}: 1 statement, 1 answer", $"{what}: {way.Statements} statement, {way.Answers} answer");
        }
    }

    /// <summary>The way to a PostgreSQL server, on which its clients' messages are counted.</summary>
    private sealed class CountedWay(int to) : Passage(to)
    {
        private int statements;
        private int answers;

        /// <summary>Execute, and Query.</summary>
        public int Statements => Volatile.Read(ref statements);

        /// <summary>Sync, and Query: the server says when it is through, and a client can wait for that.</summary>
        public int Answers => Volatile.Read(ref answers);

        public void Forget() => (statements, answers) = (0, 0);

        protected override async Task Carry(TcpClient client, TcpClient server)
        {
            var (one, other) = (client.GetStream(), server.GetStream());
            await Task.WhenAny(Count(one, other), other.CopyToAsync(one, Stopping));
        }

        private async Task Count(NetworkStream from, NetworkStream onto)
        {
            // the first message is a length, which counts itself, and what it is the length of; those after it have a type before that
            var (start, type) = (new byte[5], 0);
            while (await from.ReadAtLeastAsync(start.AsMemory(0, type + 4), type + 4, throwOnEndOfStream: false, Stopping) == type + 4)
            {
                var body = new byte[BinaryPrimitives.ReadInt32BigEndian(start.AsSpan(type)) - 4];
                await from.ReadExactlyAsync(body, Stopping);
                if (type == 1)
                {
                    Interlocked.Add(ref statements, start[0] is (byte)'E' or (byte)'Q' ? 1 : 0);
                    Interlocked.Add(ref answers, start[0] is (byte)'S' or (byte)'Q' ? 1 : 0);
                }
                await onto.WriteAsync(start.AsMemory(0, type + 4), Stopping);
                await onto.WriteAsync(body, Stopping);
                type = 1;
            }
        }
    }
}
