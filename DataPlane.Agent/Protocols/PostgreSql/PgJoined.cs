using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a text does together with another that it runs by name.</summary>
internal static class PgJoined
{
    /// <param name="text">The other's.</param>
    public static StatementFacts Of(StatementFacts facts, StatementFacts other, byte[] text) => facts with
    {
        Kinds = [.. facts.Kinds.Union(other.Kinds)],
        Unknown = facts.Unknown ?? other.Unknown,
        Refused = facts.Refused ?? other.Refused,
        AsksForWrites = facts.AsksForWrites || other.AsksForWrites,
        Relations = [.. facts.Relations.Concat(other.Relations).GroupBy(r => r.Name).Select(g => new RelationUse(g.Key, g.Aggregate(default(RelationAccess), (a, r) => a | r.Access)))],
        Columns = [.. facts.Columns.Union(other.Columns)],
        Functions = [.. facts.Functions.Union(other.Functions)],
        Unbounded = facts.Unbounded || other.Unbounded,
        Opaque = facts.Opaque ?? other.Opaque,
        ChangesSchema = facts.ChangesSchema || other.ChangesSchema,
        Redefines = facts.Redefines || other.Redefines,
        CallsUnknown = false,
        Uncounted = facts.Uncounted ?? other.Uncounted,
        OnlyBuiltIn = facts.OnlyBuiltIn && other.OnlyBuiltIn,
        Objects = $"{facts.Objects}\n{PgAnalyst.Hash(Encoding.UTF8.GetString(text))} {other.Objects}",
        Outputs = facts.Statements == 1 && other.Statements == 1 ? other.Outputs : null,
        Lineage = facts.Lineage is { } own && other.Lineage is { } its ? own.Running(its) : null,
    };
}
