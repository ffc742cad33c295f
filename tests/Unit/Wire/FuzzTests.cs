using System.Globalization;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>
/// Whole conversations with something wrong in them, from either side, in any pieces. Nothing may throw, and nothing may reach the server that is
/// not a well-formed message whose text was judged. A second here; ACCESSPLANE_FUZZ_SECONDS for longer, ACCESSPLANE_FUZZ_SEED to begin elsewhere.
/// </summary>
public sealed class FuzzTests
{
    private static int Variable(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;

    /// <summary>How long to try; other properties try in proportion.</summary>
    public static int Seconds => Variable("ACCESSPLANE_FUZZ_SECONDS", 1);

    [Fact]
    public void Nothing_that_is_said_breaks_the_conversation_or_gets_past_the_judge()
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        var seed = (ulong)Variable("ACCESSPLANE_FUZZ_SEED", 1);
        var answered = 0;
        for (; time.GetElapsedTime(began) < TimeSpan.FromSeconds(Seconds); seed++)
        {
            try
            {
                answered += Converse(new Noise(seed)) ? 1 : 0;
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}", failure);
            }
        }
        Assert.True(answered > 20, "conversations came to their end");
    }

    private static bool Converse(Noise noise)
    {
        var talk = new Talk("delete");
        var parrot = new Parrot(talk.Witness, noise);
        var said = Said(noise);
        for (var at = 0; at < said.Length && !talk.IsOver && !talk.HasLeft;)
        {
            var piece = Math.Min(said.Length - at, 1 + noise.Below(noise.OnceIn(3) ? 5 : 400));
            talk.Client(said[at..(at + piece)]);
            at += piece;
            for (var turns = 0; turns < 50 && !talk.IsOver && parrot.Answer(talk.TakeForServer()) is { Length: > 0 } answer; turns++)
            {
                talk.Server(noise.OnceIn(60) ? noise.Mutated(answer) : answer);
            }
        }
        return !talk.IsOver;
    }

    private static byte[] Said(Noise noise)
    {
        var steps = Enumerable.Range(0, 1 + noise.Below(25)).Select(_ => new Script.Step(noise.Below(16), noise.Below(3), noise.Below(3), noise.Below(28))).ToArray();
        var said = Script.Bytes(steps);
        for (var times = noise.Below(4); times > 0; times--)
        {
            said = noise.Mutated(said);
        }
        return said;
    }

    /// <summary>A server that answers by the type of what it is asked, and looks at all of it.</summary>
    private sealed class Parrot(Witness witness, Noise noise)
    {
        private static readonly PgKnowledge Reader = new(AccessPlane.Contracts.Sql.PgCatalog.Unknown, new PgParser(TimeProvider.System));
        private readonly List<byte> pending = [];
        private bool skips;
        private bool copies;

        public byte[] Answer(byte[] bytes)
        {
            pending.AddRange(bytes);
            var answer = new List<byte>();
            while (pending.Count >= PgFrame.Header)
            {
                var frame = pending.ToArray();
                var length = PgFrame.LengthAt(frame);
                Assert.InRange(length, 4, PgFrame.MaxLength);
                if (frame.Length <= length)
                {
                    break;
                }
                pending.RemoveRange(0, length + 1);
                answer.AddRange(Answer((char)frame[0], frame[PgFrame.Header..(length + 1)]));
            }
            return [.. answer];
        }

        private byte[] Answer(char type, byte[] body)
        {
            Assert.Contains(type, "QPBDECHSXdcf");
            if (copies && type is 'd' or 'c' or 'f')
            {
                copies = type == 'd';
                return copies ? [] : [.. Frames.Complete("COPY 1"), .. Frames.Ready('I')];
            }
            if (skips && type != 'S')
            {
                return [];
            }
            skips = false;
            if (type is 'Q' or 'P')
            {
                var text = type == 'Q' ? body : body[(Array.IndexOf(body, (byte)0) + 1)..];
                text = text[..Array.IndexOf(text, (byte)0)];
                if (text.AsSpan().IndexOf("accessplane_refused"u8) >= 0)
                {
                    return Fail(type, System.Text.Encoding.UTF8.GetString(text));
                }
                WasJudged(type, text);
                copies = type == 'Q' && text.AsSpan().StartsWith("copy t from"u8);
            }
            if (type != 'S' && noise.OnceIn(15))
            {
                copies = false;
                return Fail(type, "no");
            }
            return type switch
            {
                'Q' when copies => Frames.Answer('G', 0, 0, 0),
                'Q' => [.. Frames.Complete("SELECT 1"), .. Frames.Ready("ITE"[noise.Below(3)])],
                'P' => Frames.Answer('1'),
                'B' when body.AsSpan().IndexOf("accessplane_refused"u8) >= 0 => Fail(type, System.Text.Encoding.UTF8.GetString(body)),
                'B' => Frames.Answer('2'),
                'D' when body[0] == 'S' => [.. Frames.Answer('t', 0, 0), .. Frames.Answer('n')],
                'D' => Frames.Answer('n'),
                'E' => Frames.Complete("SELECT 1"),
                'C' => Frames.Answer('3'),
                'S' => Frames.Ready('I'),
                _ => [],
            };
        }

        private byte[] Fail(char type, string message)
        {
            skips = type != 'Q';
            return skips ? Frames.Error("42601", message) : [.. Frames.Error("42601", message), .. Frames.Ready('I')];
        }

        private void WasJudged(char type, byte[] text)
        {
            var facts = Reader.ReadSmall(text)?.Facts;
            Assert.True(facts is { Unknown: null, Refused: null } && !facts.Has("delete"), System.Text.Encoding.UTF8.GetString(text));
            Assert.True(type == 'P' || witness.Operations.Any(o => o.Effect == Effect.Allow && o.Text == System.Text.Encoding.UTF8.GetString(text)), "unrecorded");
        }
    }
}
