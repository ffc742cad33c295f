using AccessPlane.Agent.Directives;

namespace AccessPlane.Agent;

/// <summary>Ready: listening, caught up, liveness lease held.</summary>
internal sealed class Health(InForce inForce, CatchUp catchUp)
{
    /// <summary>Set once every listener is open.</summary>
    public bool Listening { get; set; }

    public void Map(WebApplication app)
    {
        app.MapGet("/health/live", () => Results.Text("live"));
        app.MapGet("/health/ready", () => WhyNotReady() is { } why ? Results.Text(why, statusCode: StatusCodes.Status503ServiceUnavailable) : Results.Text("ready"));
    }

    public string? WhyNotReady() =>
        inForce.Halted ?? (
        !Listening ? "not listening yet" :
        !catchUp.IsDone ? "not caught up with the control plane" :
        inForce.LeaseAge >= inForce.Current.Policy.Model.Resources.Select(r => r.FreezeAfter).DefaultIfEmpty(TimeSpan.FromSeconds(10)).Min()
            ? "the control plane does not answer"
            : null);
}
