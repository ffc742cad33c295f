using System.CommandLine;
using System.Text.Json;
using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>`--json`: whatever a command is and however it ends, a program finds documents on its output and nothing else.</summary>
public sealed class DocumentsTests : IDisposable
{
    private const string Id = OneOfEach.Id;
    private const string Here = "{folder}";

    /// <summary>Each command with what it takes. One that is not here has not been tried.</summary>
    private static readonly Dictionary<string, string[]> Takes = new()
    {
        ["login"] = [],
        ["logout"] = [],
        ["resources"] = [],
        ["request"] = ["orders-write"],
        ["requests"] = [],
        ["approve"] = [Id],
        ["deny"] = [Id],
        ["cancel"] = [Id],
        ["connect"] = ["orders", "--print"],
        ["exec"] = ["orders", "--", "true"],
        ["grants"] = [],
        ["reviews"] = [],
        ["reviews show"] = [Id],
        ["reviews approve"] = [Id],
        ["reviews deny"] = [Id],
        ["revoke"] = [Id],
        ["surrender"] = [Id],
        ["sessions"] = [],
        ["terminate"] = [Id],
        ["tail"] = [],
        ["replay"] = [Id],
        ["holds"] = [],
        ["holds show"] = [Id],
        ["holds release"] = [Id],
        ["holds refuse"] = [Id],
        ["lock"] = ["--resource", "orders", "--reason", "a test"],
        ["unlock"] = [Id],
        ["locks"] = [],
        ["policy show"] = [],
        ["policy validate"] = [$"{Here}/policy.yaml"],
        ["policy diff"] = [$"{Here}/policy.yaml"],
        ["policy what-if"] = [$"{Here}/policy.yaml"],
        ["policy publish"] = [$"{Here}/policy.yaml"],
        ["audit search"] = [],
        ["audit as-of"] = ["orders"],
        ["evidence export"] = ["--from", "1h ago", "--out", $"{Here}/pack.json"],
        ["evidence verify"] = [], // its success takes another program, and is shown end to end
        ["agent enroll"] = ["an-agent", "--resource", "orders"],
        ["completion"] = ["bash"],
    };

    /// <summary>They ask nobody, and so nobody refuses.</summary>
    private static readonly string[] Alone = ["logout", "evidence verify", "completion"];

    private readonly Around around = new() { Clock = new Hurried() };
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-documents").FullName;

    public static TheoryData<string> All => [.. Takes.Keys];

    public static TheoryData<string> Asking => [.. Takes.Keys.Except(Alone)];

    public void Dispose()
    {
        around.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>Of all that do something; some only have others below them.</summary>
    private static IEnumerable<string> Names(Command command, string before = "")
    {
        foreach (var below in command.Subcommands)
        {
            var name = $"{before}{below.Name}";
            if (below.Action is not null)
            {
                yield return name;
            }
            foreach (var further in Names(below, $"{name} "))
            {
                yield return further;
            }
        }
    }

    private static int EndOf(string name) => name switch { "tail" => Exit.Refused, "evidence verify" => Exit.Usage, _ => Exit.Ok };

    private async Task<int> Run(string name, Func<string, HttpResponseMessage> answer, params string[] options)
    {
        await File.WriteAllTextAsync($"{folder}/policy.yaml", OneOfEach.Policy, TestContext.Current.CancellationToken);
        around.Variables["ACCESSPLANE_URL"] = "https://accessplane.example";
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        around.Variables["XDG_CONFIG_HOME"] = folder;
        around.Network = new Answering(answer);
        return await around.Run([.. name.Split(' '), .. options, .. Takes[name].Select(a => a.Replace(Here, folder, StringComparison.Ordinal))]);
    }

    /// <summary>Of everything one; `tail` would never end, and is refused when it looks again.</summary>
    private static Func<string, HttpResponseMessage> Answers(string name)
    {
        var looked = 0;
        return call => name == "tail" && looked++ > 0 ? Refused(call) : OneOfEach.To(call);
    }

    private static HttpResponseMessage Refused(string call) => Answering.With(new { code = "not-allowed", detail = $"{call} is not for you" }, 403);

    private static bool IsDocument(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(text).ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    [Fact]
    public void Every_command_that_there_is_is_tried_here() => Assert.Equal(Names(Commands.Root()).Order(StringComparer.Ordinal), Takes.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(All))]
    public async Task With_it_the_output_is_one_document(string name)
    {
        var status = await Run(name, Answers(name), "--json");
        Assert.True(status == EndOf(name), $"it ended with {status}: {around.Error}");
        var output = around.Out.ToString();
        Assert.All(name == "tail" ? output.TrimEnd('\n').Split('\n') : [output], document => Assert.True(IsDocument(document), $"that is no document: {document}"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Without_it_people_are_told_in_words(string name)
    {
        Assert.Equal(EndOf(name), await Run(name, Answers(name)));
        Assert.NotEqual("", $"{around.Out}{around.Error}");
        Assert.DoesNotContain(around.Out.ToString().Split('\n'), line => IsDocument(line));
        Assert.False(IsDocument(around.Out.ToString()));
    }

    [Theory]
    [MemberData(nameof(Asking))]
    public async Task With_it_a_refusal_is_one_document_too(string name)
    {
        Assert.Equal(Exit.Refused, await Run(name, Refused, "--json"));
        Assert.True(IsDocument(around.Out.ToString()), $"that is no document: {around.Out}");
        var document = JsonSerializer.Deserialize<JsonElement>(around.Out.ToString());
        Assert.Equal((Exit.Refused, "not-allowed"), (document.GetProperty("exit").GetInt32(), document.GetProperty("problem").GetProperty("code").GetString()));
        // and said in words to whoever looks
        Assert.Contains($"error: {document.GetProperty("error").GetString()}\n", around.Error.ToString(), StringComparison.Ordinal);
    }
}
