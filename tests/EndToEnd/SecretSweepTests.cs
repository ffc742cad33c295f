using System.Text;
using System.Text.Json;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>The sweep at the end of all tests (<see cref="TestWorld.DisposeAsync"/>) finds what there is, and does not tell it.</summary>
public sealed class SecretSweepTests
{
    private const string Secret = "correct-horse-battery-staple";

    private static string Found(string text, Action<SecretSweep>? knows = null)
    {
        var sweep = new SecretSweep();
        sweep.Knows("a password", Secret);
        knows?.Invoke(sweep);
        sweep.Look("a log", text);
        var found = string.Join('\n', sweep.Found);
        Assert.DoesNotContain(Secret, found, StringComparison.Ordinal);
        return found;
    }

    [Fact]
    public void A_secret_is_found_as_it_is_and_in_base64_wherever_it_begins()
    {
        Assert.Equal("a log: a password (1 times)", Found($"user=x password={Secret} host=y"));
        for (var before = 0; before < 4; before++)
        {
            for (var after = 0; after < 4; after++)
            {
                var text = Convert.ToBase64String(Encoding.UTF8.GetBytes(new string('u', before) + Secret + new string('z', after)));
                Assert.Equal("a log: a password (1 times)", Found($"authorization: basic {text}"));
            }
        }
        Assert.Equal("a log: a password (2 times)", Found($"{Secret} and {Secret}"));
        Assert.Equal("", Found("password=correct-horse"));
    }

    [Fact]
    public void What_was_never_told_is_found_by_its_form()
    {
        string[] leaks =
        [
            "bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJlbmdpbmVlciJ9.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJl", $"ticket {TicketSecret.Make().Password}", $"invited with {InviteAgent.NewToken()}",
            "-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----",
        ];
        Assert.All(leaks, leak => Assert.StartsWith("a log: something that has the form of", Found(leak), StringComparison.Ordinal));
        Assert.Equal("", Found("t_abcdefghijkmnpqrst SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0$c3RvcmVkc3RvcmVkc3RvcmVk:c2VydmVyc2VydmVy -----BEGIN CERTIFICATE-----"));
    }

    [Fact]
    public void What_answers_and_files_hold_is_told_apart_from_what_may_be_known()
    {
        using var answer = JsonDocument.Parse("""{"username":"t_public-public-public","items":[{"password":"first-first-first"}],"token":"second-second-second","brokerPassword":null}""");
        void Told(SecretSweep sweep) => sweep.KnowsOf(answer.RootElement);
        Assert.Equal("a log: a `password` (1 times)", Found("it was first-first-first", Told));
        Assert.Equal("a log: a `token` (1 times)", Found("it was second-second-second", Told));
        Assert.Equal("", Found("it was t_public-public-public", Told));
    }

    [Fact]
    public void An_answer_tells_its_secret_in_its_place_and_nowhere_else()
    {
        string Leaks(string answer)
        {
            using var parsed = JsonDocument.Parse(answer.Replace("SECRET", Secret, StringComparison.Ordinal));
            return Found(SecretSweep.Beside(parsed.RootElement));
        }

        Assert.Equal("", Leaks("""{"username":"t_x","password":"SECRET","url":"postgresql://t_x:SECRET@host:1/db","items":[{"token":"SECRET"}],"port":1,"none":null}"""));
        Assert.Equal("a log: a password (1 times)", Leaks("""{"password":"SECRET","items":[{"note":"it is SECRET"}]}"""));
        Assert.Equal("a log: a password (1 times)", Leaks("""{"url":"postgresql://t_x:SECRET@host:1/db"}"""));
        Assert.Equal("a log: a password (1 times)", Leaks("""{"SECRET":true}"""));
    }

    [Fact]
    public void What_was_heard_before_a_secret_was_known_is_looked_at_when_it_is()
    {
        var sweep = new SecretSweep();
        sweep.Hears("what a client wrote", $"fatal: {Secret}");
        sweep.Knows("a password", Secret);
        sweep.LookAtWhatWasHeard();
        Assert.Equal(["what a client wrote: a password (1 times)"], sweep.Found);
    }
}
