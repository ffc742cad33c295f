using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AccessPlane.Agent;
using AccessPlane.Contracts.Events;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The agent's one file: strict, so that a misspelt member opens nothing, and all that is wrong with it told at once.</summary>
public sealed class AgentConfigTests : IDisposable
{
    private readonly StateFolder state = new();

    public void Dispose() => state.Dispose();

    private (AgentConfig? Config, IReadOnlyList<string> Problems) Read(string text, string? token = null)
    {
        var path = state.File("agent.json");
        File.WriteAllText(path, text);
        return AgentConfig.Read(path, name => name == "ACCESSPLANE_ENROLMENT_TOKEN" ? token : null);
    }

    private string Good(string listener = "", string more = "") => $$"""
        {
          // comments may stand in it
          "id": "orders-agent", "controlPlane": "https://accessplane.example", "state": "{{state.Path}}", "health": "http://127.0.0.1:9090", {{more}}
          "listeners": [ {
            "protocol": "postgresql", "resource": "orders", "address": "0.0.0.0", "port": 6432, {{listener}}
            "upstream": { "host": "db.internal", "port": 5432, "user": "agent" },
          } ],
        }
        """;

    [Fact]
    public void What_is_not_said_has_its_safe_standard()
    {
        var (config, problems) = Read(Good());
        Assert.Empty(problems);
        var listener = Assert.Single(config!.Listeners);
        Assert.Equal((UpstreamTls.VerifyFull, null, null), (listener.Upstream.Tls, listener.Tls, listener.Bounds));
        File.WriteAllText(state.File("c.pem"), "");
        var tls = Read(Good($$"""  "tls": { "certificate": "{{state.File("c.pem")}}", "key": "{{state.File("c.pem")}}" },""")).Config!.Listeners[0].Tls!;
        Assert.True(tls.Required);
    }

    [Fact]
    public void The_token_of_the_environment_comes_before_the_one_in_the_file()
    {
        var text = Good(more: "\"enrolmentToken\": \"in-the-file\",");
        Assert.Equal("in-the-file", Read(text).Config!.EnrolmentToken);
        Assert.Equal("around-it", Read(text, "around-it").Config!.EnrolmentToken);
    }

    [Theory]
    [InlineData("\"tls\": { \"certificate\": \"a\", \"key\": \"b\", \"requird\": true },", "", "requird")]
    [InlineData("\"adress\": \"127.0.0.1\",", "", "adress")]
    [InlineData("\"port\": 6433,", "", "port")]
    [InlineData("\"bounds\": { \"strangers\": \"many\" },", "", "strangers")]
    [InlineData("\"bounds\": { \"unread\": 300 },", "", "unread")]
    [InlineData("", "\"State\": \"/tmp\",", "State")]
    public void A_member_that_is_unknown_doubled_or_of_another_type_is_refused_by_name(string listener, string more, string named)
    {
        var (config, problems) = Read(Good(listener, more));
        Assert.Null(config);
        Assert.Contains(named, Assert.Single(problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    public void What_is_no_configuration_at_all_is_one_problem_that_names_the_file(string text)
    {
        var (config, problems) = Read(text);
        Assert.Null(config);
        Assert.StartsWith($"`{state.File("agent.json")}` ", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_said_not_to_be_there()
    {
        var (config, problems) = AgentConfig.Read(state.File("elsewhere.json"), _ => null);
        Assert.Null(config);
        Assert.StartsWith($"`{state.File("elsewhere.json")}` cannot be read", Assert.Single(problems), StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_told_at_once_each_with_its_place()
    {
        var (config, problems) = Read("""
            {
              "id": "Orders Agent", "controlPlane": "accessplane.example", "state": " ", "health": "ftp://127.0.0.1", "spoolBytes": 1,
              "listeners": [
                { "protocol": "mysql", "resource": "Orders", "address": "localhost", "port": 70000,
                  "tls": { "certificate": "/nowhere/cert.pem", "key": "/nowhere/key.pem" }, "bounds": { "failedLogins": 0 },
                  "upstream": { "host": "", "port": 0, "user": "", "passwordFile": "/nowhere/password", "rootCertificate": "/nowhere/ca.pem" } },
                { "protocol": "postgresql", "resource": "a", "address": "127.0.0.1", "port": 6432, "upstream": { "host": "h", "port": 1, "user": "u" } },
                { "protocol": "postgresql", "resource": "b", "address": "127.0.0.1", "port": 6432, "upstream": { "host": "h", "port": 1, "user": "u" } }
              ]
            }
            """);
        Assert.Null(config);
        Assert.Equal(
            [
                "`id`", "`controlPlane`", "`health`", "`state`", "`spoolBytes`", "`listeners[0].protocol`", "`listeners[0].resource`", "`listeners[0].address`",
                "`listeners[0].port`", "`listeners[0].tls.certificate`", "`listeners[0].tls.key`", "`listeners[0].upstream.rootCertificate`",
                "`listeners[0].bounds`", "`listeners[0].upstream`", "`listeners[0].upstream.passwordFile`", "`listeners`",
            ],
            problems.Select(p => p.Split(": ")[0]));
        Assert.Equal("`listeners`: `127.0.0.1:6432` is used twice", problems[^1]);
    }

    [Fact]
    public void The_control_plane_is_told_what_tls_a_listener_has()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=db", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        using var unbound = new CertificateRequest("CN=db", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pss).CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        File.WriteAllText(state.File("key.pem"), key.ExportPkcs8PrivateKeyPem());
        TlsConfig Tls(X509Certificate2 of)
        {
            File.WriteAllText(state.File("cert.pem"), of.ExportCertificatePem());
            return new TlsConfig(state.File("cert.pem"), state.File("key.pem"));
        }
        var listener = new ListenerConfig("postgresql", "orders", "0.0.0.0", 6432, new UpstreamConfig("h", 1, "u"));
        Assert.Equal(new AgentEndpoint("orders", "0.0.0.0", 6432), listener.Endpoint);
        listener = listener with { Advertise = new AdvertisedAddress("db.example", 7432) };
        Assert.Equal(new AgentEndpoint("orders", "db.example", 7432, Tls: true, ChannelBinding: true), (listener with { Tls = Tls(certificate) }).Endpoint);
        Assert.Equal(new AgentEndpoint("orders", "db.example", 7432, Tls: true, ChannelBinding: false), (listener with { Tls = Tls(unbound) }).Endpoint);
    }
}
