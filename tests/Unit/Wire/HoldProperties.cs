using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Agent;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>Exactly one of ran and refused, in whatever order people, the clock, the policy, the disk, the client and the session's end have their say, and
/// whenever the agent gets to look at what was said.</summary>
public sealed class HoldProperties
{
    private enum Word { Release, Refuse, OfAnother, Lapse, TimePasses, Cancel, Deny, Allow, DiskFull, DiskFree, Leave, End, Look }

    private static Arbitrary<Word[]> Words { get; } = Arb.From(
        Gen.Frequency((3, Gen.Constant(Word.Release)), (2, Gen.Constant(Word.Look)), (9, Gen.Elements(Enum.GetValues<Word>()))).ArrayOf(),
        words => words.Select((_, i) => (Word[])[.. words[..i], .. words[(i + 1)..]]));

    private static void Holds(Func<Word[], bool> property) => Prop.ForAll(Words, property).Check(Config.QuickThrowOnFailure.WithMaxTest(500).WithEndSize(12));

    [Fact]
    public void It_runs_once_where_a_release_came_first_and_counted_still_and_else_never() => Holds(words => Check(words, inTransaction: false));

    [Fact]
    public void So_it_is_in_a_transaction() => Holds(words => Check(words, inTransaction: true));

    private static bool Check(Word[] words, bool inTransaction)
    {
        var race = new Race(inTransaction);
        foreach (var word in words)
        {
            race.Say(word);
        }
        race.Finish();
        race.Judge();
        return true;
    }

    /// <summary>One held statement, and beside it what must become of it by the words so far, worked out without looking at the agent.</summary>
    private sealed class Race
    {
        private readonly ManualTime time = new();
        private readonly ModelServer server = new();
        private readonly Talk talk;
        private readonly PgHold hold;
        private readonly TimeSpan patience;
        private TimeSpan passed;
        private string first = "";
        private string fate = "";
        private string story = "";
        private bool gone;
        private int unrecorded;

        public Race(bool inTransaction)
        {
            talk = new Talk(time);
            talk.Witness.Held.Add("delete");
            if (inTransaction)
            {
                talk.Client(Query("begin"));
                Settle();
            }
            talk.Client(Parse("", "delete from t where a = 4"), Bind("", ""), Execute(), Sync);
            Settle();
            hold = talk.Witness.Parked.Single();
            (patience, story) = (hold.Patience, "");
        }

        private bool IsLate => passed >= patience;

        public void Say(Word word)
        {
            switch (word)
            {
                case Word.Release or Word.Refuse or Word.OfAnother or Word.Lapse:
                    Decide(word);
                    break;
                case Word.TimePasses:
                    passed += patience / 2;
                    time.Advance(patience / 2);
                    break;
                case Word.Cancel:
                    First(hold.Cancel() ? "cancelled" : first);
                    break;
                case Word.Deny:
                    talk.Witness.Denied.Add("delete");
                    break;
                case Word.Allow:
                    talk.Witness.Denied.Clear();
                    break;
                case Word.DiskFull or Word.DiskFree:
                    talk.Witness.IsFull = word == Word.DiskFull;
                    break;
                case Word.Leave when !gone && talk.Conversation.IsParked:
                    Go(talk.Conversation.LeftWhileParked);
                    break;
                case Word.End when !gone:
                    Go(() => talk.State.Holds.Abandon("the end of the session", "its session ended"));
                    break;
                case Word.Look:
                    Look();
                    break;
            }
        }

        public void Finish()
        {
            talk.Witness.IsFull = false;
            time.Advance(patience);
            passed += patience;
            if (hold.Lapse(time.GetTimestamp()))
            {
                First("lapsed");
            }
            Look();
        }

        public void Judge()
        {
            var ran = server.Completed.Count(t => t == "DELETE 4");
            var results = talk.Witness.Results.Where(r => r.Op == hold.Op).Select(r => r.Kind).ToList();
            Assert.Equal(fate == "released" ? 1 : 0, ran);
            Assert.Equal(fate == "released", hold.Outcome == HoldOutcome.Released);
            Assert.NotEqual(HoldOutcome.Waiting, hold.Outcome);
            Assert.True(hold.Ended.IsCompleted);
            Assert.Equal([fate switch { "released" => "completed", "cancelled" => "cancelled", _ => "refused" }], results);
            Assert.Equal(1 - unrecorded, talk.Witness.Facts.Count(f => f.StartsWith("hold-ended", StringComparison.Ordinal)));
            if (!gone)
            {
                var told = story.Split(' ').ToList();
                Assert.Equal(fate == "released" ? 1 : 0, story.Split("C[DELETE 4]").Length - 1);
                Assert.Equal(fate == "released" ? 0 : 1, told.Count(t => t is "E42501" or "E57014" or "E58030"));
                Assert.Equal(0, talk.Waiting);
            }
        }

        private void Decide(Word word)
        {
            var outcome = word switch { Word.Refuse => "refused", Word.Lapse => "lapsed", _ => "released" };
            hold.Decide(new HoldDecision(hold.Id, outcome, word == Word.OfAnother ? "another" : hold.Binding, "dba", null, time.Wall), time.GetTimestamp());
            First(word == Word.OfAnother ? "refused" : IsLate ? "lapsed" : outcome);
        }

        /// <summary>The first word counts.</summary>
        private void First(string what)
        {
            if (first.Length == 0 && fate.Length == 0)
            {
                first = what;
            }
        }

        private void Go(Action how)
        {
            try
            {
                how();
            }
            catch (IOException)
            {
                unrecorded = fate.Length == 0 ? 1 : unrecorded;
            }
            talk.State.Operations.Abandon();
            fate = fate.Length == 0 ? "abandoned" : fate;
            gone = true;
        }

        /// <summary>The agent gets to it: what was released counts if it does so now.</summary>
        private void Look()
        {
            if (gone)
            {
                return;
            }
            if (fate.Length == 0 && first.Length > 0)
            {
                var counts = first != "released" ? first : IsLate ? "lapsed" : talk.Witness.Denied.Count > 0 ? "refused" : "released";
                (fate, unrecorded) = talk.Witness.IsFull ? ("refused", 1) : (counts, 0);
            }
            talk.Wake();
            Settle();
        }

        private void Settle()
        {
            while (!talk.IsOver && talk.TakeForServer() is { Length: > 0 } bytes)
            {
                server.Receive(bytes);
                talk.Server(server.Take());
            }
            story += " " + Story(talk.TakeForClient());
        }
    }
}
