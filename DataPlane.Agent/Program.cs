using AccessPlane.Agent;
using AccessPlane.Agent.Directives;

// INVARIANT: before any socket exists. Without it every message hops to another thread between the client's and the resource's socket.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");

if (args.Length != 1)
{
    await Console.Error.WriteLineAsync("usage: accessplane-agent <configuration file>");
    return 2;
}
var (config, problems) = AgentConfig.Read(args[0], Environment.GetEnvironmentVariable);
if (config is null)
{
    foreach (var problem in problems)
    {
        await Console.Error.WriteLineAsync(problem);
    }
    return 2;
}
try
{
    return await AgentHost.Run(config);
}
catch (EnrolmentFailed failed)
{
    await Console.Error.WriteLineAsync(failed.Message);
    return 3;
}
