using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;

namespace AccessPlane.ControlPlane.Http;

/// <summary>
/// How many calls are looked at, before any token is: by address first, so that what one address sends in excess costs nobody else anything, then
/// all together.
/// </summary>
internal static class RateLimits
{
    public static IServiceCollection AddRateLimits(this IServiceCollection services, LimitOptions limits) => services.AddRateLimiter(limiter =>
    {
        limiter.GlobalLimiter = PartitionedRateLimiter.CreateChained(
            PartitionedRateLimiter.Create<HttpContext, IPAddress>(http => RateLimitPartition.GetTokenBucketLimiter(
                AddressOf(http), _ => Bucket(limits.PerAddress, limits.PerAddressBurst))),
            PartitionedRateLimiter.Create<HttpContext, IPAddress>(http => RateLimitPartition.GetConcurrencyLimiter(
                AddressOf(http), _ => new ConcurrencyLimiterOptions { PermitLimit = limits.AtOncePerAddress })),
            PartitionedRateLimiter.Create<HttpContext, int>(_ => RateLimitPartition.GetTokenBucketLimiter(0, _ => Bucket(limits.Overall, limits.OverallBurst))),
            PartitionedRateLimiter.Create<HttpContext, int>(_ => RateLimitPartition.GetConcurrencyLimiter(
                0, _ => new ConcurrencyLimiterOptions { PermitLimit = limits.AtOnce })));
        limiter.OnRejected = async (rejected, _) =>
        {
            var after = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) : 1;
            rejected.HttpContext.Response.Headers.RetryAfter = after.ToString(CultureInfo.InvariantCulture);
            await Problems.Of("too-many-calls", $"too many calls: try again after {after} s").ExecuteAsync(rejected.HttpContext);
        };
    });

    /// <summary>Whoever has an IPv6 address has a /64 of them: it counts as one.</summary>
    internal static IPAddress Neighbourhood(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    private static IPAddress AddressOf(HttpContext http) => http.Connection.RemoteIpAddress is { } address ? Neighbourhood(address) : IPAddress.None;

    private static TokenBucketRateLimiterOptions Bucket(int perSecond, int burst)
    {
        // small refills: a limit of 10 a second lets one call through every 100 ms, not ten at once every second
        var tokens = Math.Max(1, perSecond / 10);
        return new TokenBucketRateLimiterOptions
        {
            TokenLimit = burst,
            TokensPerPeriod = tokens,
            ReplenishmentPeriod = TimeSpan.FromSeconds((double)tokens / perSecond),
        };
    }
}
