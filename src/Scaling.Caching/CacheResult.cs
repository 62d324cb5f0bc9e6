using System.Buffers;
using System.Globalization;
using System.Text;

namespace Scaling.Caching;

/// <summary>A value and how the cache came by it.</summary>
public readonly struct CacheResult<T>
{
    internal CacheResult(T value, CacheStatus status, TimeSpan age, TimeSpan timeToLive, bool collapsed)
    {
        Value = value;
        Status = status;
        Age = age;
        TimeToLive = timeToLive;
        Collapsed = collapsed;
    }

    /// <summary>The value; a cached null is a value too.</summary>
    public T Value { get; }

    /// <summary>Where it came from.</summary>
    public CacheStatus Status { get; }

    /// <summary>How long ago it was loaded.</summary>
    public TimeSpan Age { get; }

    /// <summary>How long it stays fresh: negative when it expired that long ago, zero when it was not kept.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>True when this call shared the work of another that was under way.</summary>
    public bool Collapsed { get; }

    /// <summary>
    /// One member of a <c>Cache-Status</c> header (RFC 9211), for example <c>Scaling; hit; ttl=42; detail=l1</c> or <c>Scaling; fwd=miss; stored; ttl=300</c>.
    /// Append it to what the header already says: the cache closest to the origin comes first.
    /// </summary>
    /// <param name="cacheName">Names this cache among those on the way: printable ASCII.</param>
    /// <exception cref="ArgumentException">The name is empty or holds anything but printable ASCII.</exception>
    public string ToCacheStatus(string cacheName = "Scaling")
    {
        bool hit = Status is CacheStatus.HitLocal or CacheStatus.HitDistributed;
        bool stale = Status is CacheStatus.Stale;
        var text = new StringBuilder(CacheName.ToItem(cacheName)).Append(Status switch
        {
            CacheStatus.HitLocal or CacheStatus.HitDistributed => "; hit",
            CacheStatus.Stale => "; fwd=stale",
            CacheStatus.Bypass => "; fwd=bypass",
            CacheStatus.Shed => "",     // neither answered nor sent on
            _ => "; fwd=miss",
        });
        bool forwarded = !hit && Status is not CacheStatus.Shed;
        bool kept = TimeToLive > TimeSpan.Zero;
        if (forwarded && kept)
        {
            text.Append("; stored");
        }

        if (forwarded && Collapsed)
        {
            text.Append("; collapsed");
        }

        if (hit || stale || kept)
        {
            text.Append(CultureInfo.InvariantCulture, $"; ttl={(long)Math.Floor(TimeToLive.TotalSeconds)}");
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

/// <summary>A cache's name as RFC 9651 (before: 8941) writes it: a token if it is one, else a quoted string.</summary>
file static class CacheName
{
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~:/");

    public static string ToItem(string cacheName)
    {
        ArgumentException.ThrowIfNullOrEmpty(cacheName);
        if (cacheName.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            throw new ArgumentException($"A cache's name is printable ASCII, got '{cacheName}'.", nameof(cacheName));
        }

        bool isToken = (char.IsAsciiLetter(cacheName[0]) || cacheName[0] == '*') && !cacheName.AsSpan().ContainsAnyExcept(TokenCharacters);
        return isToken ? cacheName : $"\"{cacheName.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }
}
