using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.Cli.Http;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed partial class ExitTests
{
    [Fact]
    public void Scripts_depend_on_the_numbers() => Assert.Equal(
        (0, 1, 2, 3, 4, 5, 6, 127, 130),
        (Exit.Ok, Exit.Refused, Exit.Usage, Exit.NotSignedIn, Exit.NotFound, Exit.TimedOut, Exit.Unreachable, Exit.NoProgram, Exit.Interrupted));

    [GeneratedRegex(@"\b(?<code>\d+) [a-z]", RegexOptions.NonBacktracking)]
    private static partial Regex Named();

    [Fact]
    public void The_help_names_every_one_of_them_and_no_other()
    {
        int[] codes = [.. typeof(Exit).GetFields().Where(f => f.IsLiteral && f.FieldType == typeof(int)).Select(f => (int)f.GetRawConstantValue()!)];
        Assert.Contains(Exit.Interrupted, codes);
        Assert.Equal(codes.Order(), Named().Matches(Exit.Help).Select(m => int.Parse(m.Groups["code"].Value, CultureInfo.InvariantCulture)).Order());
    }

    [Theory]
    [InlineData(401, "token-expired", Exit.NotSignedIn)]
    [InlineData(403, "self-review", Exit.Refused)]
    [InlineData(404, "no-such-grant", Exit.NotFound)]
    [InlineData(409, "request-closed", Exit.Refused)]
    [InlineData(412, "version-mismatch", Exit.Refused)]
    [InlineData(422, "reason-required", Exit.Usage)]
    [InlineData(422, "nobody-can-approve", Exit.Refused)]
    [InlineData(429, "too-many-calls", Exit.Unreachable)]
    [InlineData(503, "agent-not-reached", Exit.Unreachable)]
    public void An_answer_of_the_api_comes_to_one_of_them(int status, string code, int exit)
    {
        var stop = Problem.Of(status, $$"""{"status":{{status}},"code":"{{code}}","detail":"it is `so`"}""");
        Assert.Equal((exit, "it is `so`"), (stop.ExitCode, stop.Message));
    }

    [Fact]
    public void Fields_are_told_once_and_a_proxys_page_is_told_by_its_status()
    {
        var stop = Problem.Of(422, """{"code":"invalid","detail":"the lock is not valid","errors":{"reason":["must say why"],"on":["the lock is not valid"]}}""");
        Assert.Equal("the lock is not valid; `reason` must say why", stop.Message);
        Assert.Equal((Exit.Unreachable, "the control plane answered 502"), Problem.Of(502, "<html>") is var page ? (page.ExitCode, page.Message) : default);
    }
}
