using System.Security.Cryptography;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// One Idempotency-Key stands for one body. The key makes the command's id, by which the log recognises a repeat; here it is only seen to that
/// another body under the same key is told so instead of being answered with what the first one did.
/// </summary>
internal sealed class Idempotency(RequestDelegate next, Once once)
{
    private const int MaxKey = 200;

    public async Task InvokeAsync(HttpContext http)
    {
        var keys = http.Request.Headers[Commands.IdempotencyKey];
        if (keys.Count == 0 || !http.IsCommand() || http.CallerOrNull() is null)
        {
            await next(http);
            return;
        }
        if (keys is not [{ Length: > 0 and <= MaxKey } key] || !key.All(c => c is >= ' ' and <= '~'))
        {
            await Problems.Of("invalid-idempotency-key", $"`{Commands.IdempotencyKey}` must be one text of 1 to {MaxKey} ASCII characters").ExecuteAsync(http);
            return;
        }
        var id = http.CommandId()!.Value;
        var claim = await once.Claim(id, await HashBody(http.Request, http.RequestAborted), http.RequestAborted);
        if (claim == OnceClaim.Other)
        {
            await Problems.Of("idempotency-key-reused", "this `Idempotency-Key` came with another body before: use a new key for a new command").ExecuteAsync(http);
            return;
        }
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException) when (claim == OnceClaim.First)
        {
            await once.Forget(id, CancellationToken.None);
            throw;
        }
        // input that was refused as such never became a command: the caller may mend it under the same key
        if (claim == OnceClaim.First && http.Response.StatusCode is 400 or 415 or 422)
        {
            await once.Forget(id, CancellationToken.None);
        }
    }

    private static async Task<byte[]> HashBody(HttpRequest request, CancellationToken cancel)
    {
        request.EnableBuffering(bufferThreshold: 1024 * 1024); // the bound of a body: never a file
        var hash = await SHA256.HashDataAsync(request.Body, cancel);
        request.Body.Position = 0;
        return hash;
    }
}
