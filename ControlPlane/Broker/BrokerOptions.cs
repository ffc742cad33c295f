namespace AccessPlane.ControlPlane.Broker;

/// <summary>Section `Broker` of the configuration.</summary>
public sealed class BrokerOptions
{
    /// <summary>`amqp[s]://user:password@host:port/vhost`, of the control plane's own user.</summary>
    public string Uri { get; set; } = "";

    /// <summary>Base address of the management API, with a user and password that may manage users: `http://user:password@host:port`.</summary>
    public string ManagementUri { get; set; } = "";

    /// <summary>What agents are told to connect to, without credentials: `amqp[s]://host:port/vhost`.</summary>
    public string AgentUri { get; set; } = "";
}
