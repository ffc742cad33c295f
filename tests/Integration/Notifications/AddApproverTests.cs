using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using Xunit;

namespace AccessPlane.Tests.Integration.Notifications;

/// <summary>The broker user that an admin gets for an approver's client, and everything that it cannot do.</summary>
public sealed class AddApproverTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<JsonElement> Add(string name, params string[] groups)
    {
        using var admin = plane.Host.Client("admin", "admins");
        using var answer = await admin.PostAsJsonAsync("/v1/approvers", new { name, groups }, Cancel);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.True(answer.StatusCode == HttpStatusCode.Created, body.ToString());
        return body;
    }

    private string Address(JsonElement user) => new UriBuilder(plane.Host.Broker)
    {
        UserName = user.GetProperty("brokerUser").GetString(),
        Password = user.GetProperty("brokerPassword").GetString(),
    }.Uri.AbsoluteUri;

    private static async Task<ushort?> WhyClosed(IConnection connection, Func<IChannel, Task> what)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        await using (channel)
        {
            try
            {
                await what(channel);
                return null;
            }
            catch (Exception refused) when (refused is OperationInterruptedException or AlreadyClosedException or PublishException)
            {
                return channel.CloseReason?.ReplyCode;
            }
        }
    }

    [Fact]
    public async Task It_hears_of_a_request_of_its_group_and_its_review_counts()
    {
        await using var dba = await ApproverClient.Connect(Address(await Add("dba-one", "dba")), "accessplane.approver.dba-one", "dba");
        var request = await plane.Host.Ask("engineer", "orders-write");
        var terms = dba.Next(request).Body.GetProperty("expectedVersion").GetInt32();
        var token = plane.Host.Issuer.ReviewToken("dba", TimeProvider.System.GetUtcNow(), "dba");
        var outcome = await dba.Send(new { kind = "request", id = request, expectedVersion = terms, verdict = "approve", token });
        Assert.True(outcome.GetProperty("outcome").GetString() == "accepted", outcome.ToString());
    }

    [Fact]
    public async Task It_can_do_nothing_else_at_the_broker()
    {
        var user = await Add("dba-two", "dba");
        await Add("other", "security");
        await using var connection = await new ConnectionFactory { Uri = new Uri(Address(user)) }.CreateConnectionAsync(Cancel);
        Assert.Null(await WhyClosed(connection, c => c.QueueDeclareAsync("accessplane.approver.dba-two.answers", exclusive: true, cancellationToken: Cancel)));
        Func<IChannel, Task>[] forbidden =
        [
            c => c.BasicGetAsync("accessplane.reviews", true, Cancel),
            c => c.BasicGetAsync("accessplane.reports", true, Cancel),
            c => c.QueueDeclareAsync("accessplane.approver.other", exclusive: true, cancellationToken: Cancel),
            c => c.QueueDeclareAsync("", exclusive: true, cancellationToken: Cancel),
            c => c.QueueDeclareAsync("accessplane.approver.dba-twofold", exclusive: true, cancellationToken: Cancel),
            c => c.QueueBindAsync("accessplane.approver.dba-two.answers", "accessplane.notifications", "request.submitted.dba", cancellationToken: Cancel),
            c => c.QueueBindAsync("accessplane.approver.dba-two", "accessplane.notifications", "#", cancellationToken: Cancel),
            c => c.QueueBindAsync("accessplane.approver.dba-two", "accessplane.reports", "", cancellationToken: Cancel),
            c => c.QueueBindAsync("accessplane.approver.dba-two", "accessplane.reviews", "", cancellationToken: Cancel),
            c => c.ExchangeBindAsync("accessplane.reviews", "accessplane.notifications", "request.submitted.dba", cancellationToken: Cancel),
            c => c.ExchangeDeleteAsync("accessplane.reviews", cancellationToken: Cancel),
            c => c.QueuePurgeAsync("accessplane.reviews", Cancel),
            c => c.BasicPublishAsync("accessplane.notifications", "request.submitted.dba", true, new BasicProperties(), new byte[] { 1 }, Cancel).AsTask(),
            c => c.BasicPublishAsync("accessplane.reports", "", true, new BasicProperties(), new byte[] { 1 }, Cancel).AsTask(),
            c => c.BasicPublishAsync("", "accessplane.reviews", true, new BasicProperties(), new byte[] { 1 }, Cancel).AsTask(),
        ];
        for (var i = 0; i < forbidden.Length; i++)
        {
            Assert.True(await WhyClosed(connection, forbidden[i]) == 403, $"number {i} was not forbidden");
        }
    }

    [Fact]
    public async Task A_new_password_takes_the_old_ones_place_and_a_removed_approver_is_gone()
    {
        var (before, after) = (await Add("leaver", "dba"), await Add("leaver", "dba"));
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => new ConnectionFactory { Uri = new Uri(Address(before)) }.CreateConnectionAsync(Cancel));
        await using (await new ConnectionFactory { Uri = new Uri(Address(after)) }.CreateConnectionAsync(Cancel))
        {
        }
        using var admin = plane.Host.Client("admin", "admins");
        Assert.Equal(HttpStatusCode.NoContent, (await admin.DeleteAsync(new Uri("/v1/approvers/leaver", UriKind.Relative), Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await admin.DeleteAsync(new Uri("/v1/approvers/..", UriKind.RelativeOrAbsolute), Cancel)).StatusCode);
        await Assert.ThrowsAsync<BrokerUnreachableException>(() => new ConnectionFactory { Uri = new Uri(Address(after)) }.CreateConnectionAsync(Cancel));
    }

    [Fact]
    public async Task Who_was_added_and_removed_by_whom_is_for_auditors_to_see_and_the_password_for_nobody()
    {
        var user = await Add("audited", "dba", "security");
        for (var twice = 0; twice < 2; twice++)
        {
            Assert.Equal(204, (await plane.Host.Send(HttpMethod.Delete, "/v1/approvers/audited", "admin2", "admins")).Status);
        }
        var events = (await plane.Host.Get($"/v1/audit/events?stream={Ids.Approver("audited")}")).GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["approver_added", "approver_removed"], events.Select(e => e.GetProperty("type").GetString()));
        Assert.Equal(["admin", "admin2"], events.Select(e => e.GetProperty("headers").GetProperty("actor").GetProperty("subject").GetString()));
        Assert.Equal(["dba", "security"], events[0].GetProperty("data").GetProperty("groups").EnumerateArray().Select(g => g.GetString()));
        Assert.Equal("(withheld)", events[0].GetProperty("data").GetProperty("credential").GetString());
        Assert.DoesNotContain(user.GetProperty("brokerPassword").GetString()!, string.Concat(events.Select(e => e.ToString())), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_command_again_gives_the_same_user_and_not_one_that_was_removed_since()
    {
        Task<Answered> AddAgain() => plane.Host.Send(HttpMethod.Post, "/v1/approvers", "admin", "admins", new { name = "again", groups = new[] { "dba" } }, key: "again");
        var (first, second) = (await AddAgain(), await AddAgain());
        Assert.Equal((201, first.Body.ToString()), (second.Status, second.Body.ToString()));
        await using (await new ConnectionFactory { Uri = new Uri(Address(first.Body)) }.CreateConnectionAsync(Cancel))
        {
        }
        await plane.Host.Send(HttpMethod.Delete, "/v1/approvers/again", "admin", "admins");
        Assert.Equal("409 approver-removed", (await AddAgain()).Code);
    }

    [Theory]
    [InlineData("a.b", "dba")]
    [InlineData("A", "dba")]
    [InlineData("", "dba")]
    [InlineData("x", "")]
    [InlineData("x", "#")]
    [InlineData("x", "a\u202eb")]
    [InlineData("x", null)]
    public async Task Names_and_groups_that_would_mean_more_than_themselves_are_refused(string name, string? group)
    {
        using var admin = plane.Host.Client("admin", "admins");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await admin.PostAsJsonAsync("/v1/approvers", new { name, groups = new[] { group } }, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await admin.PostAsJsonAsync("/v1/approvers", new { name = "x", groups = Array.Empty<string>() }, Cancel)).StatusCode);
    }

    [Theory]
    [InlineData("engineer", "engineering")]
    [InlineData("dba", "dba")]
    [InlineData("auditor", "auditors")]
    public async Task Only_admins_make_them(string who, string group)
    {
        using var client = plane.Host.Client(who, group);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.PostAsJsonAsync("/v1/approvers", new { name = "x", groups = new[] { "dba" } }, Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.DeleteAsync(new Uri("/v1/approvers/x", UriKind.Relative), Cancel)).StatusCode);
    }
}
