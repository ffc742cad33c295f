namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Whether the agent's role can make a design true, and what to grant to it where it cannot. Pure.</summary>
internal static class MaskPowers
{
    public static string? WhyNot(MaskGround ground, MaskName name, IReadOnlyList<(string Base, string Mask)> schemas, bool nothingToGive)
    {
        var agent = ground.Agent;
        var role = MaskSql.Name(agent.Role);
        return agent.Missing.Count > 0 ? $"the policy's `login` names the role `{agent.Missing[0]}`, which the database does not have: create it, or name another"
            : !agent.MayCreateRoles ? $"the agent's role needs CREATEROLE: alter role {role} createrole"
            : agent.HasOwner && !agent.MayBecomeOwner && !agent.MayGrantOwner
                ? $"the agent's role must be able to act as `{MaskSql.Owner}`: grant {MaskSql.Owner} to {role} with admin option"
            : !agent.PublicConnects && !agent.MayLetConnect
                ? $"the agent's role must be able to let logins connect: grant connect on database {MaskSql.Name(agent.Database)} to {role} with grant option"
            : !agent.MayCreate && schemas.Any(s => !ground.Made.Schemas.ContainsKey(s.Mask))
                ? $"the agent's role needs CREATE on the database: grant create on database {MaskSql.Name(agent.Database)} to {role}"
            : nothingToGive ? $"the agent's role can pass on none of what the policy's `login` asks for: grant it to {role} with grant option, or make it a member of the tables' owner"
            : ground.Made.Schemas.FirstOrDefault(s => s.Value != MaskSql.Owner) is { Key: { } schema } ? $"the schema `{schema}` belongs to somebody else: drop schema {MaskSql.Name(schema)} cascade"
            : ground.Made.Views.FirstOrDefault(v => v.Record is null && !ground.Made.Memories.Any(m => m.Schema == v.Schema && m.Name == v.Name)) is { } view
                ? $"what is written on the view `{view.Schema}.{view.Name}` is gone, so that new columns cannot be told from old ones: drop schema {MaskSql.Name(view.Schema)} cascade"
            : ground.Made.Memories.FirstOrDefault(m => m.Memory is null || m.Owner != MaskSql.Owner) is { } memory
                ? $"what is remembered of the view `{memory.Schema}.{memory.Name}` was changed by somebody else, so that new columns cannot be told from old ones: drop schema {MaskSql.Name(memory.Schema)} cascade"
            : null;
    }
}
