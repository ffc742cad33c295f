using AccessPlane.Cli.Http;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Shell;

/// <summary>What several commands say in the same words.</summary>
internal static class Says
{
    /// <summary>Who can take the next step of a request: `1 of dba (0 so far)`.</summary>
    public static string WaitsFor(RequestShape request)
    {
        if (request.Open is not [var next, ..])
        {
            return "nobody";
        }
        var soFar = request.Steps[request.Step].Reviews.Count(r => r is { Lapsed: false, Verdict: Contracts.Events.ReviewVerdict.Approve });
        return $"{next.Count} of {Words.Of(next.From)}{(soFar > 0 ? $" ({soFar} so far)" : "")}{(request.Open.Count > 1 ? $", then {Words.Of([.. request.Open.Skip(1)])}" : "")}";
    }

    public static string Count(int number, string one, string many) => Words.Count(number, one, many);
}
