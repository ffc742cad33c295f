using System.Net;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>Somebody's browser at the identity provider, where they bring the code that a command line shows: each page's form is sent as a person would.</summary>
internal sealed partial class DeviceBrowser : IDisposable
{
    private readonly HttpClient http = new(new HttpClientHandler { CookieContainer = new CookieContainer() });

    /// <param name="says">What `login` has written.</param>
    /// <param name="yes">Whether the code is confirmed.</param>
    public async Task SignIn(string says, string who, bool yes = true)
    {
        var entered = await Page(await http.GetAsync(new Uri(Complete().Match(says).Value)));
        var confirm = await Send(entered);
        Assert.Contains(Code().Match(says).Groups[1].Value, confirm.Text, StringComparison.Ordinal);
        var people = await Send(confirm, yes ? [] : [("abort", "yes")]);
        if (yes)
        {
            var done = await Send(people, ("who", who));
            Assert.Contains("Signed in", done.Text, StringComparison.Ordinal);
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<(Uri At, string Text)> Send((Uri At, string Text) page, params (string Name, string Value)[] further)
    {
        var action = Action().Match(page.Text) is { Success: true } found ? new Uri(page.At, WebUtility.HtmlDecode(found.Groups[1].Value)) : page.At;
        var fields = Field().Matches(page.Text).Select(f => (Name: Named().Match(f.Value).Groups[1].Value, Value: WebUtility.HtmlDecode(Valued().Match(f.Value).Groups[1].Value)));
        using var form = new FormUrlEncodedContent(fields.Where(f => f.Name.Length > 0).Concat(further).Select(f => KeyValuePair.Create(f.Name, f.Value)));
        return await Page(await http.PostAsync(action, form));
    }

    private static async Task<(Uri, string)> Page(HttpResponseMessage response)
    {
        using (response)
        {
            var text = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode < 500, text);
            return (response.RequestMessage!.RequestUri!, text);
        }
    }

    [GeneratedRegex(@"http://\S+user_code=\S+")]
    private static partial Regex Complete();

    [GeneratedRegex(@"enter the code (\S+)")]
    private static partial Regex Code();

    [GeneratedRegex(@"<form[^>]*\baction=""([^""]*)""")]
    private static partial Regex Action();

    [GeneratedRegex(@"<input[^>]*>", RegexOptions.Singleline)]
    private static partial Regex Field();

    [GeneratedRegex(@"\bname=""([^""]*)""")]
    private static partial Regex Named();

    [GeneratedRegex(@"\bvalue=""([^""]*)""")]
    private static partial Regex Valued();
}
