namespace LocalServices;

/// <summary>How a throw-away Redis is set up.</summary>
public sealed record LocalRedisOptions
{
    /// <summary>Further redis.conf settings. By default nothing is persisted: a restarted server is empty.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
