namespace Scaling.Caching;

/// <summary>What a load may say about its own result. Used by one load at a time.</summary>
public sealed class CacheLoadContext
{
    internal CacheLoadContext(string key, TimeSpan expiration)
    {
        Key = key;
        Expiration = expiration;
    }

    /// <summary>The key being loaded.</summary>
    public string Key { get; }

    /// <summary>How long the result is fresh. Starts as what the call asked for; zero does not cache the result.</summary>
    public TimeSpan Expiration { get; set; }
}
