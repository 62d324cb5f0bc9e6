using System.Globalization;
using System.Text;

namespace Scaling.Caching;

/// <summary>A value and how the cache came by it.</summary>
/// <param name="Value">The value; a cached null is a value too.</param>
/// <param name="Status">Where it came from.</param>
/// <param name="Age">How long ago it was loaded.</param>
/// <param name="TimeToLive">How long it stays fresh; zero when stale or not kept.</param>
/// <param name="Collapsed">True when this call shared the load of another.</param>
public readonly record struct CacheResult<T>(T Value, CacheStatus Status, TimeSpan Age, TimeSpan TimeToLive, bool Collapsed = false)
{
    /// <summary>
    /// The value of a <c>Cache-Status</c> header (RFC 9211), for example <c>Scaling; hit; ttl=42; detail=l1</c>.
    /// </summary>
    /// <param name="cacheName">An RFC 8941 token that names this cache.</param>
    public string ToCacheStatus(string cacheName = "Scaling")
    {
        var text = new StringBuilder(cacheName).Append(Status switch
        {
            CacheStatus.HitLocal or CacheStatus.HitDistributed => "; hit",
            CacheStatus.Stale => "; fwd=stale",
            CacheStatus.Bypass or CacheStatus.Shed => "; fwd=bypass",
            _ => "; fwd=miss",
        });
        if (Status is CacheStatus.Miss && TimeToLive > TimeSpan.Zero)
        {
            text.Append("; stored");
        }

        if (Collapsed)
        {
            text.Append("; collapsed");
        }

        if (Status is CacheStatus.HitLocal or CacheStatus.HitDistributed || TimeToLive > TimeSpan.Zero)
        {
            text.Append(CultureInfo.InvariantCulture, $"; ttl={(long)TimeToLive.TotalSeconds}");
        }

        return Status switch
        {
            CacheStatus.HitLocal => text.Append("; detail=l1").ToString(),
            CacheStatus.HitDistributed => text.Append("; detail=l2").ToString(),
            CacheStatus.Shed => text.Append("; detail=shed").ToString(),
            _ => text.ToString(),
        };
    }
}
