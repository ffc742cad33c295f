using System.Globalization;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Answers that say which version of the thing they show.</summary>
public static class Answers
{
    public static IResult Ok(object body, long version) => new Versioned(StatusCodes.Status200OK, null, body, version);

    /// <summary>It was taken, and is not done before somebody else does their part.</summary>
    public static IResult Accepted(object body, long version) => new Versioned(StatusCodes.Status202Accepted, null, body, version);

    /// <param name="location">Path of the new thing, `/v1/…`.</param>
    public static IResult Created(string location, object body, long version) => new Versioned(StatusCodes.Status201Created, location, body, version);

    private sealed class Versioned(int status, string? location, object body, long version) : IResult, IStatusCodeHttpResult, IValueHttpResult
    {
        public int? StatusCode => status;
        public object Value => body;

        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = status;
            httpContext.Response.Headers.ETag = string.Create(CultureInfo.InvariantCulture, $"\"{version}\"");
            if (location is not null)
            {
                httpContext.Response.Headers.Location = location;
            }
            return httpContext.Response.WriteAsJsonAsync(body, body.GetType(), httpContext.RequestAborted);
        }
    }
}
