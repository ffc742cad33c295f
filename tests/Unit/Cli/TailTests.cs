using System.Text.Json;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Terminal;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class TailTests : IDisposable
{
    private readonly Around around = new() { Clock = new Hurried() };

    public void Dispose() => around.Dispose();

    [Fact]
    public async Task With_json_all_is_a_document_a_line_and_so_is_a_failure_midway()
    {
        var operation = new OperationShape(
            Guid.CreateVersion7(), 1, DateTimeOffset.UnixEpoch, Actor.System("erin"), "orders", "select 1\n  from orders", Effect.Allow, null, "completed", 1, null);
        var answered = 0;
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        around.Network = new Answering(_ => answered++ == 0
            ? Answering.With(new { items = new[] { operation } })
            : Answering.With(new { code = "not-allowed", detail = "you are no auditor any more" }, 403));
        Assert.Equal(Exit.Refused, await around.Run("tail", "--json", "--url", "https://accessplane.example"));
        var documents = around.Out.ToString().TrimEnd('\n').Split('\n').Select(l => JsonSerializer.Deserialize<JsonElement>(l)).ToList();
        Assert.Equal(2, documents.Count);
        Assert.Equal((operation.Text, "you are no auditor any more"), (documents[0].GetProperty("text").GetString(), documents[1].GetProperty("error").GetString()));
    }
}
