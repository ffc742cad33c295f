using System.Text.Json.Serialization;

namespace AccessPlane.Contracts.Identity;

/// <summary>What kind of actor a token speaks for: <c>person</c>, <c>workload</c> or <c>ai-agent</c>.</summary>
public enum ActorKind { Person, Workload, AiAgent }

/// <summary>
/// Who does something: the subject of a validated token with its delegation chain.
/// The identity is (issuer, subject), never a name or an e-mail address.
/// </summary>
/// <param name="Claims">Claims kept as evidence: repository, run_id, build_id…</param>
/// <param name="Act">RFC 8693 delegation chain, outermost (the current actor) first. Empty where the subject acts itself.</param>
public sealed record Actor(
    string Issuer,
    string Subject,
    string Name,
    ActorKind Kind,
    IReadOnlyList<string> Groups,
    IReadOnlyDictionary<string, string> Claims,
    IReadOnlyList<Actor> Act)
{
    /// <summary><c>issuer|subject</c>: how the policy's directory names this subject.</summary>
    [JsonIgnore]
    public string Key => $"{Issuer}|{Subject}";

    /// <summary>The subject with the whole chain: a right asked for by an AI agent in someone's name is that pair's right, not the person's own.</summary>
    [JsonIgnore]
    public string ChainKey => string.Join(" via ", Links.Select(l => l.Key));

    /// <summary>The subject and every actor of the chain.</summary>
    [JsonIgnore]
    public IEnumerable<Actor> Links => Act.Prepend(this with { Act = [] });

    /// <summary>Who holds the rights: the subject and the current actor, intersected. Deeper links can only deny.</summary>
    [JsonIgnore]
    public IEnumerable<Actor> RightsLinks => Links.Take(2);

    /// <summary>For people to read: <c>engineer</c>, or <c>engineer via assistant</c>.</summary>
    [JsonIgnore]
    public string Display => string.Join(" via ", Links.Select(l => l.Name));

    /// <summary>The product itself: timers and reactions.</summary>
    public static Actor System(string what) =>
        new("accessplane", what, what, ActorKind.Workload, [], new Dictionary<string, string>(), []);
}
