using System.Net;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>
/// Makes the agent's own key and, once, exchanges the one-time token for a broker user and the keys to believe. What it got is kept in the
/// state folder, readable by this user alone; later starts need no token.
/// </summary>
internal sealed partial class Enrol(AgentConfig config, HttpClient http, TimeProvider clock, ILogger<Enrol> logger)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    private AgentKeyFiles Keys => new(config.State);
    private string TrustedPath => Path.Combine(config.State, "control-plane-keys.json");
    private string EnrolmentPath => Path.Combine(config.State, "enrolment.json");

    /// <exception cref="EnrolmentFailed">It cannot work without the operator.</exception>
    public async Task<AgentIdentity> Run(CancellationToken cancel)
    {
        Directory.CreateDirectory(config.State, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (File.Exists(EnrolmentPath))
        {
            var enrolment = JsonSerializer.Deserialize<Enrolment>(await File.ReadAllTextAsync(EnrolmentPath, cancel), Json.Options)!;
            return enrolment.Agent == config.Id
                ? new AgentIdentity(enrolment, Keys.Load(), await LoadTrusted(cancel), Keep, Keys)
                : throw new EnrolmentFailed($"the state folder `{config.State}` belongs to the agent `{enrolment.Agent}`");
        }
        if (string.IsNullOrEmpty(config.EnrolmentToken))
        {
            throw new EnrolmentFailed("the agent is not enrolled: give it the token of `POST /v1/agents` as `enrolmentToken`, in `enrolmentTokenFile` or in ACCESSPLANE_ENROLMENT_TOKEN");
        }
        var key = Keys.LoadOrMake();
        var answer = await Ask(new EnrolmentAsk(
            config.EnrolmentToken, Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()),
            [.. config.Listeners.Select(l => l.Endpoint)]), cancel);
        AgentKeyFiles.WriteSecret(EnrolmentPath, JsonSerializer.Serialize(answer, Json.Options));
        LogEnrolled(config.Id);
        return new AgentIdentity(answer, key, null, Keep, Keys);
    }

    private async Task<Enrolment> Ask(EnrolmentAsk ask, CancellationToken cancel)
    {
        var address = new Uri(new Uri(config.ControlPlane.TrimEnd('/') + "/"), $"v1/agents/{config.Id}/enrol");
        while (true)
        {
            try
            {
                using var response = await http.PostAsJsonAsync(address, ask, Json.Options, cancel);
                if (response.IsSuccessStatusCode)
                {
                    return await response.Content.ReadFromJsonAsync<Enrolment>(Json.Options, cancel) ?? throw new EnrolmentFailed("the enrolment's answer is empty");
                }
                if (response.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.InternalServerError))
                {
                    throw new EnrolmentFailed($"the control plane refused the enrolment ({(int)response.StatusCode}): {await Detail(response, cancel)}");
                }
                LogWaits(address, $"it answered {(int)response.StatusCode}");
            }
            catch (HttpRequestException unreachable)
            {
                LogWaits(address, unreachable.Message);
            }
            await Task.Delay(RetryAfter, clock, cancel);
        }
    }

    private static async Task<string> Detail(HttpResponseMessage response, CancellationToken cancel)
    {
        var text = await response.Content.ReadAsStringAsync(cancel);
        try
        {
            using var problem = JsonDocument.Parse(text);
            return problem.RootElement.ValueKind == JsonValueKind.Object && problem.RootElement.TryGetProperty("detail", out var detail) ? detail.ToString() : text;
        }
        catch (JsonException)
        {
            return response.ReasonPhrase ?? "no reason given";
        }
    }

    /// <summary>The control plane may have other keys by now than at the enrolment.</summary>
    private async Task<TrustedKeys?> LoadTrusted(CancellationToken cancel) =>
        File.Exists(TrustedPath) ? JsonSerializer.Deserialize<TrustedKeys>(await File.ReadAllTextAsync(TrustedPath, cancel), Json.Options) : null;

    private void Keep(TrustedKeys trusted)
    {
        AgentKeyFiles.WriteSecret(TrustedPath, JsonSerializer.Serialize(trusted, Json.Options));
        LogKeys(trusted.Signing.Count);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "enrolled as `{Agent}`")]
    private partial void LogEnrolled(string agent);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the control plane's keys have changed: {Count} are believed")]
    private partial void LogKeys(int count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the enrolment at {Address} waits: {Why}")]
    private partial void LogWaits(Uri address, string why);
}

internal sealed class EnrolmentFailed(string message) : Exception(message);
