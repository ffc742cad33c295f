using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <summary>A policy document was published. The model is kept beside the text: whoever replays the log needs no YAML.</summary>
/// <param name="Version">Consecutive from 1: the version of the policy's stream.</param>
/// <param name="Hash">SHA-256 of the text's UTF-8 bytes, lower-case hex.</param>
public sealed record PolicyPublished(long Version, Actor Author, string Text, string Hash, Policy.PolicyModel Model) : IEvent;
