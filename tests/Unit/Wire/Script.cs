using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Random clients: what they say, in any order and any state, and what became of it.</summary>
internal static partial class Script
{
    /// <param name="What">Which message.</param>
    /// <param name="Name">Index into the names.</param>
    /// <param name="Other">Index into the names.</param>
    /// <param name="Text">Index into the texts.</param>
    public sealed record Step(int What, int Name, int Other, int Text);

    private static readonly string[] Names = ["", "a", "b", new string('n', 63), new string('n', 63) + "1", new string('n', 63) + "2"];

    private static readonly string[] Texts =
    [
        "", "select 1", "select 2", "insert into t values (3)", "delete from t where a = 4", "select 5/0", "selec 6", "begin", "commit", "rollback",
        "prepare a as select 11", "prepare b as insert into t values (12)", "prepare a as delete from t where a = 13",
        "deallocate a", "deallocate b", "deallocate all", "fetch a",
        "declare a cursor for select 21", "declare b cursor with hold for select 22", "close a", "close b", "close all",
        "copy t from stdin", "copy t to stdout",
        "select 34; select 35", "deallocate a; prepare a as select 36", "begin; declare a cursor for select 37; rollback",
        "execute a", "deallocate a; select 31/0", "deallocate a; prepare a as select 32; select 33/0", "close a; declare a cursor for select 38; select 39/0",
    ];

    private static readonly byte[][] CopyEnds =
    [
        Frames.CopyData("2\n"), [.. Frames.CopyData("3\n"), .. Frames.CopyDone], [.. Frames.CopyData("bad"), .. Frames.CopyDone], Frames.CopyFail("enough"),
    ];

    /// <summary>Texts that fail in their middle, and EXECUTE of what may change names, come last: what names mean after them is not followed, so that
    /// the agent alone refuses them.</summary>
    private const int NotFollowed = 4;

    public static Arbitrary<Step[]> Any { get; } = Steps(Names.Length, Texts.Length);

    /// <summary>What the agent must be transparent for.</summary>
    public static Arbitrary<Step[]> Followed { get; } = Steps(4, Texts.Length - NotFollowed);

    private static Arbitrary<Step[]> Steps(int names, int texts) =>
        Arb.From(
            (from what in Gen.Frequency((6, Gen.Choose(0, 6)), (5, Gen.Constant(7)), (4, Gen.Choose(8, 9)), (1, Gen.Choose(10, 13)), (2, Gen.Choose(14, 15)))
             from name in Gen.Frequency((3, Gen.Choose(0, 1)), (1, Gen.Choose(0, names - 1)))
             from other in Gen.Frequency((3, Gen.Choose(0, 1)), (1, Gen.Choose(0, names - 1)))
             from text in Gen.Choose(0, texts - 1)
             select new Step(what, name, other, text)).ArrayOf(),
            steps => steps.Select((_, i) => (Step[])[.. steps[..i], .. steps[(i + 1)..]]));

    public static void Holds(Arbitrary<Step[]> scripts, Func<Step[], bool> property, int runs = 500) =>
        Prop.ForAll(scripts, property).Check(Config.QuickThrowOnFailure.WithMaxTest(runs * Math.Max(1, FuzzTests.Seconds / 2)).WithEndSize(40));

    /// <summary>Whether a text comes in it.</summary>
    public static bool Says(Step[] steps, string text) => steps.Any(s => Texts[s.Text].Contains(text, StringComparison.Ordinal));

    /// <summary>All of it as bytes; whatever was begun is ended.</summary>
    public static byte[] Bytes(Step[] steps) => [.. steps.SelectMany(Bytes), .. Frames.CopyDone, .. Frames.Sync];

    private static byte[] Bytes(Step step)
    {
        var (name, other, text) = (Names[step.Name], Names[step.Other], Texts[step.Text]);
        return step.What switch
        {
            0 => Frames.Parse(name, One(text)),
            1 => Frames.Bind(name, other),
            2 => Frames.Execute(name, step.Text % 2),
            3 => Frames.Describe('S', name),
            4 => Frames.Describe('P', name),
            5 => Frames.Close('S', name),
            6 => Frames.Close('P', name),
            7 => [.. Frames.Parse(name, One(text)), .. Frames.Bind(other, name), .. Frames.Execute(other)],
            8 => Frames.Sync,
            9 => Frames.Query(text),
            10 => Frames.Flush,
            11 => Frames.CopyData("1\n"),
            12 => [.. Frames.CopyData("bad"), .. Frames.CopyDone],
            13 => Frames.CopyFail("enough"),
            14 => [.. Frames.Query("copy t from stdin"), .. CopyEnds[step.Text % CopyEnds.Length]],
            _ => [.. Frames.Parse("", "select 8"), .. Frames.Bind(name, ""), .. Frames.Execute(name, 1), .. Frames.Execute(name, step.Text % 2)],
        };
    }

    /// <summary>The extended protocol takes one statement at a time.</summary>
    private static string One(string text) => text.Split(';')[0];

    /// <summary>Says it all, in pieces, and lets server and agent answer each other: after every piece, or only when there is nothing else left to do.</summary>
    public static (Talk Talk, ModelServer Server, string Story, byte[] Forwarded) Play(ReadOnlySpan<byte> bytes, int piece, bool eager, params string[] denied) =>
        Play(bytes, piece, eager, new Witness(denied));

    public static (Talk Talk, ModelServer Server, string Story, byte[] Forwarded) Play(ReadOnlySpan<byte> bytes, int piece, bool eager, Witness witness)
    {
        var talk = new Talk(witness);
        var server = new ModelServer();
        var forwarded = new List<byte>();
        for (var at = 0; at < bytes.Length; at += piece)
        {
            talk.Client(bytes[at..Math.Min(bytes.Length, at + piece)].ToArray());
            if (eager)
            {
                Settle(talk, server, forwarded);
            }
        }
        Settle(talk, server, forwarded);
        return (talk, server, Frames.Story(talk.TakeForClient()), [.. forwarded]);
    }

    private static void Settle(Talk talk, ModelServer server, List<byte> forwarded)
    {
        while (!talk.IsOver && talk.TakeForServer() is { Length: > 0 } bytes)
        {
            forwarded.AddRange(bytes);
            server.Receive(bytes);
            talk.Server(server.Take());
        }
    }

    /// <summary>The same said to the server itself.</summary>
    public static (ModelServer Server, string Story) PlayDirectly(ReadOnlySpan<byte> bytes)
    {
        var server = new ModelServer();
        server.Receive(bytes);
        return (server, Frames.Story(server.Take()));
    }

    /// <summary>Without what is random in it.</summary>
    public static string Plain(byte[] forwarded) => Marker().Replace(Convert.ToHexStringLower(forwarded), "-");

    [GeneratedRegex("(?<=5f726566757365645f)[0-9a-f]{32}")]
    private static partial Regex Marker();
}
