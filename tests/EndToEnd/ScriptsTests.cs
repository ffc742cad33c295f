using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>What the scripts in infra do where something is missing, or is somebody else's: one line says what to do, nothing half-made is left, and what is not theirs stays.</summary>
public sealed class ScriptsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-scripts-").FullName;

    /// <summary>The names of all ports, as the scripts know them.</summary>
    private static string[] PortNames =>
        Regex.Match(File.ReadAllText($"{TestWorld.Root}/infra/lib/common.sh"), @"^PORTS=\(([A-Z_ ]+)\)$", RegexOptions.Multiline).Groups[1].Value.Split(' ');

    public static TheoryData<string> Ports => new(PortNames);

    private string State => $"{folder}/state";

    private Dictionary<string, string> OwnState => new(TestWorld.Settings) { ["ACCESSPLANE_RUN"] = State };

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [MemberData(nameof(Ports))]
    public async Task A_port_that_somebody_else_has_is_named_before_anything_is_done_and_stays_theirs(string name)
    {
        await using var other = Run.Start("/usr/bin/python3", ["-u", "-c", """
            import socket, sys
            door = socket.create_server(("127.0.0.1", 0))
            print(door.getsockname()[1])
            sys.stdin.read()
            """]);
        await Wait.Until(() => other.Output.Contains('\n', StringComparison.Ordinal), 15, () => $"nobody listens: {other.Output}");
        var port = other.Output.TrimEnd();
        var environment = OwnState;
        foreach (var (variable, free) in FreePorts())
        {
            environment[variable] = free;
        }
        environment[$"ACCESSPLANE_PORT_{name}"] = port;
        // where the port is not looked at first, this stops it: it must not make a second world
        environment["PATH"] = $"{Path.GetDirectoryName(Program("bin/dotnet", "exit 1"))}:{Environment.GetEnvironmentVariable("PATH")}";

        var ran = await Run.ToEnd($"{TestWorld.Root}/infra/up", [], environment);

        Assert.Equal(1, ran.Status);
        Assert.Matches(
            $@"\Aerror: port {port}, wanted for [^\n]+, is in use by another process: stop that one, or set ACCESSPLANE_PORT_{name} \(or ACCESSPLANE_PORT_BASE\) to a free port\n\z",
            ran.Output);
        Assert.False(Directory.Exists(State), "something was done");
        (await other.End()).Succeeded();
    }

    [Fact]
    public async Task A_second_start_leaves_what_runs_as_it_is()
    {
        static Dictionary<string, string> Processes() => Directory.GetFiles($"{TestWorld.State}/pids").ToDictionary(f => f, f => File.ReadAllText(f));
        var before = Processes();
        Assert.NotEmpty(before);

        var ran = (await TestWorld.Infra("up")).Succeeded();

        Assert.DoesNotContain("is ready", ran.Output, StringComparison.Ordinal);
        Assert.Equal(before, Processes());
    }

    [Theory]
    [InlineData("", "error: please install what is missing: sudo apt-get install made-up-one made-up-two\n")]
    [InlineData("have() { false; }", "error: please install what Debian calls: made-up-one made-up-two (there is no apt-get here)\n")]
    public async Task Who_may_not_install_is_told_in_one_line_what_to_install(string circumstances, string said)
    {
        // where the tests are root's, the libraries lie where anybody may read them
        const string AsAnybody = """
            mkdir "$2/infra" && cp -r "$1/infra/lib" "$2/infra" && chmod -R a+rX "$2" && cd /
            anybody=()
            ((EUID != 0)) || anybody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
            exec "${anybody[@]}" bash -c "$3" bash "$2"
            """;
        var script = $$"""
            source "$1/infra/lib/common.sh"
            source "$ROOT/infra/lib/install.sh"
            {{circumstances}}
            PROOFS[here]=true PROOFS[made-up-one]=false PROOFS[made-up-two]=false
            install_packages made-up-one here made-up-two
            echo and on it goes
            """;

        var ran = await Run.ToEnd("bash", ["-c", AsAnybody, "bash", TestWorld.Root, folder, script], OwnState);

        Assert.Equal((1, said), (ran.Status, ran.Output));
    }

    [Theory]
    [InlineData("check_dotnet", "the .NET SDK 10 is missing")]
    [InlineData("check_node", "Node.js 20 or newer is missing")]
    public async Task A_tool_that_no_package_brings_is_named_with_where_to_get_it(string check, string says)
    {
        var ran = await Bash($$"""
            have() { false; }
            {{check}}
            echo and on it goes
            """);

        Assert.Equal(1, ran.Status);
        Assert.Matches($@"\Aerror: {Regex.Escape(says)}.* https://.*\n\z", ran.Output);
    }

    [Theory]
    [InlineData("printf 'exit 42\\n' >\"$POLICY\"", "42")]
    [InlineData(":", "nothing")]
    public async Task What_forbade_starts_before_forbids_them_afterwards_even_where_an_installation_was_killed(string before, string afterwards)
    {
        (await Bash($$"""
            mkdir -p "$RUN/policy"
            POLICY=$RUN/policy/policy-rc.d
            tell() { printf '%s\n' "$1" >>"$RUN/told"; }
            policy() { if [[ ! -e $POLICY ]]; then tell "$1: nothing"; else sh "$POLICY" || tell "$1: $?"; fi; }
            {{before}}

            apt-get() { kill -KILL "$BASHPID"; }
            apt_install made-up || tell "killed: $?"
            policy 'then'

            apt-get() { policy "meanwhile, $1"; }
            apt_install made-up
            policy 'installed'

            apt-get() { [[ $1 == update ]]; }
            apt_install made-up || tell "failed: $?"
            policy 'failed'
            """)).Succeeded();

        Assert.Equal(
            $"killed: 137\nthen: 101\nmeanwhile, update: 101\nmeanwhile, install: 101\ninstalled: {afterwards}\nfailed: 1\nfailed: {afterwards}\n",
            await File.ReadAllTextAsync($"{State}/told", TestContext.Current.CancellationToken));
        Assert.Equal(afterwards == "nothing" ? "" : "policy-rc.d", string.Join(' ', Directory.GetFiles($"{State}/policy").Select(f => Path.GetFileName(f))));
    }

    [Fact]
    public async Task Down_ends_what_was_started_and_nobody_who_merely_has_its_number()
    {
        await using var foreign = Run.Start("cat", []);
        var ours = (await Bash("""
            mkdir -p "$RUN"/{pids,logs}
            launch idp sleep 120
            ours idp
            """)).Succeeded().Output;
        await File.WriteAllTextAsync($"{State}/pids/control-plane", $"{foreign.Id} 1\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{State}/pids/faults-plane", $"{foreign.Id} 1\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{State}/pids/postgres-log", $"{foreign.Id}\n", TestContext.Current.CancellationToken);
        // it ended before anybody knew when it had begun: no process has so high a number
        await File.WriteAllTextAsync($"{State}/pids/orders-agent", "4194305 \n", TestContext.Current.CancellationToken);

        var ran = (await Run.ToEnd($"{TestWorld.Root}/infra/down", [], OwnState)).Succeeded();

        Assert.EndsWith(": 1 processes\n", ran.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles($"{State}/pids"));
        Assert.Equal(1, (await Bash($"started_at {ours}")).Status);
        await foreign.Type("still here\n");
        await foreign.Says("still here");
        (await foreign.End()).Succeeded();
    }

    [Fact]
    public async Task A_story_that_cannot_go_on_says_where_it_stopped_and_fails()
    {
        var ran = await Demo("""
            mkdir -p "$ACCESSPLANE_RUN"
            echo 'export ACCESSPLANE_URL=http://127.0.0.1:1 ACCESSPLANE_PG_HOST=127.0.0.1 ACCESSPLANE_PG_PORT=1 ACCESSPLANE_CA=none ORDERS_DIRECT_URL=none' >"$ACCESSPLANE_RUN/env"
            """);

        Assert.Equal(1, ran.Status);
        Assert.Contains("\n✗ the story stopped at: 1. ", ran.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("✓", ran.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(State));
    }

    /// <summary>Whoever has seen the story pastes what stands at its end.</summary>
    [Fact]
    public async Task What_the_story_ends_with_works_line_by_line()
    {
        const string LookAround = "source infra/lib/common.sh; source infra/lib/planes.sh; source infra/lib/story.sh; source \"$RUN/env\"; look_around";
        var told = (await Run.ToEnd("bash", ["-c", LookAround], TestWorld.Settings)).Succeeded().Output;
        var lines = told.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('#')[0].Trim()).ToList();
        Assert.Equal(9, lines.Count);
        using var browser = new HttpClient();
        foreach (var line in lines.Where(l => !l.EndsWith("infra/down", StringComparison.Ordinal)))
        {
            if (Uri.TryCreate(line, UriKind.Absolute, out var address))
            {
                using var page = await browser.GetAsync(address, TestContext.Current.CancellationToken);
                Assert.True(page.IsSuccessStatusCode, $"{line} answers {page.StatusCode}");
                continue;
            }
            await using var typed = Run.Start("bash", ["-eo", "pipefail", "-c", $"{lines[0]}\n{line}"], TestWorld.Settings);
            if (line.EndsWith("accessplane login", StringComparison.Ordinal))
            {
                await typed.Says("in a browser and enter the code");
                continue; // what comes then takes a person
            }
            (await typed.End()).Succeeded();
        }
        Assert.True(File.Exists($"{TestWorld.Root}/{lines[^1]}"), lines[^1]);
    }

    [Fact]
    public async Task A_story_whose_world_does_not_start_is_not_told()
    {
        var ran = await Demo("exit 3");
        Assert.Equal((3, ""), (ran.Status, ran.Output));
    }

    /// <summary>The story as it is, with a world that is none.</summary>
    private async Task<Ran> Demo(string up)
    {
        (await Run.ToEnd("bash", ["-c", "mkdir \"$2/infra\" && cp -r \"$1/infra/lib\" \"$1/infra/demo\" \"$2/infra\"", "bash", TestWorld.Root, folder])).Succeeded();
        Program("infra/up", up);
        Program("infra/approve", "echo '{\"listening\":true}'\nexec cat >/dev/null");
        Program("infra/token", "echo none");
        return await Run.ToEnd($"{folder}/infra/demo", [], OwnState);
    }

    /// <summary>A script that begins with the libraries, and a state of its own.</summary>
    private Task<Ran> Bash(string script) =>
        Run.ToEnd("bash", ["-c", $"source \"$1/infra/lib/servers.sh\"\n{script}", "bash", TestWorld.Root], OwnState);

    private string Program(string name, string text)
    {
        var path = Path.Combine(folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, $"#!/usr/bin/env bash\n{text}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static Dictionary<string, string> FreePorts()
    {
        var doors = PortNames.ToDictionary(name => $"ACCESSPLANE_PORT_{name}", _ => new TcpListener(IPAddress.Loopback, 0));
        foreach (var door in doors.Values)
        {
            door.Start();
        }
        var ports = doors.ToDictionary(d => d.Key, d => $"{((IPEndPoint)d.Value.LocalEndpoint).Port}");
        foreach (var door in doors.Values)
        {
            door.Dispose();
        }
        return ports;
    }
}
