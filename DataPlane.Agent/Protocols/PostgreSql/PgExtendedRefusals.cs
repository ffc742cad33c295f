using System.Text;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>How a message of the extended protocol is refused: what takes its place fails at the server, which passes over all that follows it up to Sync.</summary>
internal sealed class PgExtendedRefusals(PgState state)
{
    public byte[] TooLong(int length)
    {
        var denial = PgDenial.TooLong(state, "prepare", length);
        return Refuse(0, denial, denial.Refusal.AsBind()).Replacement.ToArray();
    }

    public Verdict Malformed(int total, ReadOnlySpan<byte> body = default)
    {
        var denial = PgDenial.Malformed(state, "extended", body);
        return Refuse(total, denial, denial.Refusal.AsBind());
    }

    public Verdict Unknown(int total, string code, string what, ReadOnlySpan<byte> name)
    {
        var refusal = new PgRefusal(code, $"{what} `{Encoding.UTF8.GetString(name)}` does not exist in this session", null, null);
        return Refuse(total, new PgDenial(refusal, 0), refusal.AsBind());
    }

    public Verdict NameTooLong(int total, ReadOnlySpan<byte> name)
    {
        var refusal = new PgRefusal(
            PgError.NameTooLong, $"the name `{Encoding.UTF8.GetString(name)}` is longer than {PgNames.LongestName} bytes", null,
            "use a shorter name: the database would cut it off");
        return Refuse(total, new PgDenial(refusal, 0), refusal.AsBind());
    }

    public Verdict Limit(int total, string why)
    {
        var refusal = new PgRefusal(PgError.LimitReached, why, null, "close those that are not needed any more");
        return Refuse(total, new PgDenial(refusal, 0), refusal.AsBind());
    }

    /// <summary>The server will fail at the replacement and pass over what follows it up to Sync: so it is here.</summary>
    public Verdict Refuse(int total, PgDenial denial, byte[] replacement)
    {
        ref var asked = ref state.Unanswered.Add(Ask.Execute);
        asked.Op = denial.Op;
        asked.Refusal = denial.Refusal;
        state.Skipping = true;
        return Verdict.Rewrite(total, replacement);
    }
}
