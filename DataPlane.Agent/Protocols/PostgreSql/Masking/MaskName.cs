using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// What a design is called: the same rules and terms have the same name, others never. The database and the agent's role are part of it, because roles are
/// shared by all databases of a cluster, and what one role made another cannot change.
/// </summary>
internal sealed record MaskName(string Hash)
{
    /// <summary>Another one whenever the same rules and terms lead to something else.</summary>
    private const string Generator = "2";

    private const int HashDigits = 12;

    public string Group => MaskSql.GroupPrefix + Hash;

    public static MaskName Of(string database, string role, IReadOnlyList<MaskRule> rules, LoginTerms? terms)
    {
        var masks = rules.Where(r => r.Columns.Count > 0).Select(r => new { r.Columns, r.With });
        return new MaskName(Digest(JsonSerializer.Serialize(new { Generator, database, role, masks, terms }, Json.Options), HashDigits));
    }

    /// <summary>The schema of the masks of a schema's relations. A name too long to be kept is told by a hash.</summary>
    public string Schema(string of)
    {
        var name = $"{MaskSql.SchemaPrefix}{Hash}_{of}";
        return Encoding.UTF8.GetByteCount(name) <= MaskSql.LongestName ? name : $"{MaskSql.SchemaPrefix}{Hash}_{Digest(of, HashDigits)}";
    }

    public static string Digest(string text, int digits) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];
}
