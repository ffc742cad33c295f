using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What is hidden of one operation's results.</summary>
/// <param name="key">Of hashes.</param>
internal sealed class PgHiding(MaskPlan plan, IReadOnlyList<MaskRule> rules, byte[] key)
{
    public MaskPlan Plan { get; } = plan;
    public IReadOnlyList<MaskRule> Rules { get; } = rules;
    public byte[] Key { get; } = key;

    /// <summary>Whatever the server says in words may hold a hidden value.</summary>
    public bool Guards => !Plan.Free;

    /// <summary>Words in its values are looked for.</summary>
    public bool Detects { get; } = rules.Any(r => r.Detect.Count > 0);

    /// <summary>The text may name relations that no catalog has: the session's own.</summary>
    public bool NamesItsOwn { get; init; }

    /// <summary>What the rows consist of; null before the server has told.</summary>
    public PgLayout? Layout { get; set; }
}

/// <summary>The columns of a result as the server describes them, each with what is done to its values.</summary>
internal sealed class PgLayout
{
    private const uint NameArray = 1003;
    private const uint TextArray = 1009;

    private PgLayout(PgField[] fields, MaskPlan plan)
    {
        Fields = fields;
        Plan = plan;
        LastMasked = Array.FindLastIndex(fields, f => f.Masker is not null || f.Definition != DefinitionText.None);
        Touches = Array.Exists(fields, f => f.Masker is not null || f.Definition != DefinitionText.None || f.Detect != 0);
    }

    public PgField[] Fields { get; }

    /// <summary>What it was made for: another policy makes another one.</summary>
    public MaskPlan Plan { get; }

    /// <summary>The last field whose length may change; -1 for none.</summary>
    public int LastMasked { get; }

    /// <summary>Some value is looked into.</summary>
    public bool Touches { get; }

    /// <summary>COPY data is one text.</summary>
    public static PgLayout OfCopy(PgHiding hiding) => new([Field("copy"u8, 0, false, null, hiding)], hiding.Plan);

    public static PgLayout None(MaskPlan plan) => new([], plan);

    /// <param name="description">A RowDescription's body.</param>
    /// <param name="disagreement">Why the plan was made for something else than what comes back: then nothing of it may pass.</param>
    public static PgLayout? Of(ReadOnlySpan<byte> description, PgHiding hiding, PgOrigins origins, out string? disagreement)
    {
        var reader = new PgReader(description);
        var fields = new PgField[reader.Count()];
        var masks = hiding.Plan.Columns;
        disagreement = masks is not null && masks.Count != fields.Length ? "it returns other columns than its text says" : null;
        for (var i = 0; i < fields.Length && disagreement is null && !reader.Failed; i++)
        {
            var name = reader.Text();
            var (table, column, type) = (unchecked((uint)reader.Int32()), unchecked((short)reader.Count()), unchecked((uint)reader.Int32()));
            reader.Bytes(6); // size and modifier
            var binary = reader.Count() == 1;
            var mask = masks?[i];
            if (mask is null && origins.Hides(table, column))
            {
                disagreement = "one of its columns comes from a masked one, which its text does not say";
                break;
            }
            if (mask is null && !hiding.Plan.Free && !origins.Knows(table, column, hiding.NamesItsOwn))
            {
                disagreement = "one of its columns is newer than what is known of the schema";
                break;
            }
            fields[i] = Field(name, type, binary, mask, hiding);
        }
        disagreement ??= reader.Exact ? null : "its columns cannot be read";
        return disagreement is null ? new PgLayout(fields, hiding.Plan) : null;
    }

    private static PgField Field(ReadOnlySpan<byte> name, uint type, bool binary, ColumnMask? mask, PgHiding hiding)
    {
        if (mask is { Of: not DefinitionText.None })
        {
            return new PgField { Definition = mask.Of, IsArray = type is TextArray or NameArray, IsBinary = binary, Type = type };
        }
        if (mask is not null)
        {
            return new PgField { KeepsNothing = mask.Rule == MaskPlan.Definitions, Masker = new Masker(mask.With, type, binary, HMACSHA256.HashData(hiding.Key, Encoding.UTF8.GetBytes(mask.Rule))), Type = type };
        }
        var detect = 0;
        string? rule = null;
        var rules = hiding.Rules;
        for (var i = 0; i < rules.Count && Masker.MayHoldWords(type); i++)
        {
            if (rules[i].Detect.Count > 0)
            {
                detect |= Detectors.Bits(rules[i].Detect);
                rule ??= rules[i].Id;
            }
        }
        return new PgField { Detect = detect, Rule = rule, Name = detect == 0 ? null : Encoding.UTF8.GetString(name), Type = type };
    }
}

/// <summary>One column of a result.</summary>
internal sealed class PgField
{
    public Masker? Masker { get; init; }

    /// <summary>Null and the empty text are not hidden.</summary>
    public bool KeepsNothing { get; init; }

    /// <summary>Only literals in it are hidden.</summary>
    public DefinitionText Definition { get; init; }

    /// <summary>A definition's, of an array of them.</summary>
    public bool IsArray { get; init; }
    public bool IsBinary { get; init; }

    /// <summary>The detectors that look into it, as bits.</summary>
    public int Detect { get; init; }
    public string? Rule { get; init; }
    public string? Name { get; init; }
    public uint Type { get; init; }

    /// <summary>What detectors found in it since this was told last.</summary>
    public int Hits { get; set; }
    public Detector Found { get; set; }
}
