using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Console;

/// <summary>What the API answered: a value, or a problem.</summary>
public sealed record Told<T>(T? Value, Problem? Problem) where T : class
{
    /// <summary>What had been decided already, where a race was lost.</summary>
    public T? Winning => Problem?.Winning is JsonElement { ValueKind: JsonValueKind.Object } winning ? winning.Deserialize<T>(Json.Options) : null;
}

/// <summary>The API as whoever is signed in may use it.</summary>
public sealed class ConsoleApi(SignedIn signedIn, IServiceProvider services)
{
    /// <summary>More than that is not for a page.</summary>
    private const int MostLines = 10_000;
    private const long MostText = 16 * 1024 * 1024;
    private readonly ApiWithin api = services.GetRequiredService<ApiWithin>();

    /// <summary>A call was refused because the token is worth nothing any more.</summary>
    public event Action? SignedOut;

    public Task<Told<T>> Get<T>(string path, CancellationToken cancel) where T : class => Send<T>(new ApiCall("GET", path, ""), cancel);

    /// <summary>A list, page after page: one page alone may lack what matters.</summary>
    /// <param name="path">With a query, and without `limit`.</param>
    /// <param name="most">Where there are more the page says so, by <see cref="Page{T}.Next"/>.</param>
    public async Task<Told<Page<T>>> All<T>(string path, int most, CancellationToken cancel)
    {
        var all = new List<T>();
        for (string? after = null; ;)
        {
            var told = await Get<Page<T>>($"{path}&limit={Rows.MaxPage}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}", cancel);
            if (told.Value is not { } page)
            {
                return told;
            }
            all.AddRange(page.Items);
            after = page.Next;
            if (after is null || all.Count >= most)
            {
                return new Told<Page<T>>(new Page<T>(all, after), null);
            }
        }
    }

    /// <param name="key">The same for a click that is sent twice: it is one command.</param>
    public Task<Told<T>> Post<T>(string path, object body, Guid key, CancellationToken cancel) where T : class =>
        Send<T>(new ApiCall("POST", path, "", JsonSerializer.SerializeToUtf8Bytes(body, Json.Options), "application/json", key.ToString("D")), cancel);

    public Task<Told<T>> Delete<T>(string path, CancellationToken cancel) where T : class => Send<T>(new ApiCall("DELETE", path, ""), cancel);

    /// <param name="ifMatch">The version that it is to follow.</param>
    public Task<Told<T>> Document<T>(string method, string path, string yaml, long? ifMatch, CancellationToken cancel) where T : class =>
        Send<T>(new ApiCall(method, path, "", System.Text.Encoding.UTF8.GetBytes(yaml), "application/yaml", Guid.CreateVersion7().ToString("D"), ifMatch), cancel);

    /// <summary>A document that is answered by lines, each told as it comes; null where all went well.</summary>
    public async Task<Problem?> DocumentLines(string path, string yaml, Func<string, Task> take, CancellationToken cancel)
    {
        using var refused = new MemoryStream();
        await using var lines = new LineStream(take);
        var call = new ApiCall("POST", path, signedIn.Token ?? "", System.Text.Encoding.UTF8.GetBytes(yaml), "application/yaml", Guid.CreateVersion7().ToString("D"));
        var reply = await api.Call(call, begun => begun.IsGood ? lines : refused, cancel);
        cancel.ThrowIfCancellationRequested();
        Noted(reply);
        return reply.IsGood ? null : Read<Problem>(refused.ToArray());
    }

    /// <summary>An answer of lines (NDJSON), as many as a page can show.</summary>
    public async Task<(IReadOnlyList<string> Lines, bool Cut, Problem? Problem)> Lines(string path, CancellationToken cancel)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var refused = new MemoryStream();
        var (lines, size) = (new List<string>(), 0L);
        await using var taken = new LineStream(async line =>
        {
            if (lines.Count == MostLines || (size += line.Length) > MostText)
            {
                await enough.CancelAsync();
            }
            else
            {
                lines.Add(line);
            }
        });
        var reply = await api.Call(new ApiCall("GET", path, signedIn.Token ?? ""), begun => begun.IsGood ? taken : refused, enough.Token);
        cancel.ThrowIfCancellationRequested();
        Noted(reply);
        return reply.IsGood ? (lines, enough.IsCancellationRequested, null) : ([], false, Read<Problem>(refused.ToArray()));
    }

    private async Task<Told<T>> Send<T>(ApiCall call, CancellationToken cancel) where T : class
    {
        var (reply, bytes) = await Run(call, cancel);
        return reply.IsGood ? new Told<T>(bytes.Length == 0 ? null : Read<T>(bytes), null) : new Told<T>(null, Read<Problem>(bytes));
    }

    private async Task<(ApiReply, byte[])> Run(ApiCall call, CancellationToken cancel)
    {
        using var answer = new MemoryStream();
        var reply = await api.Call(call with { Token = signedIn.Token ?? "" }, answer, cancel);
        cancel.ThrowIfCancellationRequested(); // nobody reads an answer, and there may be none
        Noted(reply);
        return (reply, answer.ToArray());
    }

    private void Noted(ApiReply reply)
    {
        if (reply.Status == StatusCodes.Status401Unauthorized)
        {
            SignedOut?.Invoke();
        }
    }

    private static T Read<T>(byte[] bytes) => JsonSerializer.Deserialize<T>(bytes, Json.Options)!;
}
