using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Opens the keys of transcripts that an agent's earlier process left on its disk, for the process that asks and nobody else. Whoever has only the
/// disk has to come here as the agent, and is sent away once it is retired.
/// </summary>
public sealed class AnswerSpoolKeys(SigningKeys keys, AgentStateBuilder states, AgentLine line)
{
    private const int MostKeys = 64;

    /// <exception cref="FormatException">The question is none.</exception>
    public async Task Handle(string agent, SpoolKeyAsk ask, CancellationToken cancel) =>
        await line.Answer(agent, (await states.Current(cancel)).Position, DirectiveKinds.SpoolKey, Answer(agent, ask), cancel);

    public SpoolKeyAnswer Answer(string agent, SpoolKeyAsk ask)
    {
        ArgumentNullException.ThrowIfNull(ask);
        if (ask.Wrapped.Count is 0 or > MostKeys)
        {
            throw new FormatException($"between 1 and {MostKeys} keys of a transcript can be opened at once");
        }
        using var reader = Reader(ask.Reader);
        var context = SpoolKeyAsk.ContextOf(agent, ask.Session);
        var opened = ask.Wrapped.Select(wrapped => keys.Open(wrapped, context)).ToList();
        return new SpoolKeyAnswer(
            ask.Session,
            opened.Contains(null) ? null : Sealed.Seal(reader, string.Join('\n', opened), SpoolKeyAnswer.ContextOf(agent, ask.Session)));
    }

    private static ECDiffieHellman Reader(string publicKey)
    {
        var reader = ECDiffieHellman.Create();
        try
        {
            reader.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
            return reader;
        }
        catch (CryptographicException)
        {
            reader.Dispose();
            throw new FormatException("the reader's key is no public key");
        }
    }
}
