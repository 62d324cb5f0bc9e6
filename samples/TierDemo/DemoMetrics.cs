using Prometheus;

namespace TierDemo;

/// <summary>The guide's five counters, as this process counts them.</summary>
internal static class DemoMetrics
{
    public static readonly Counter HttpRequests = Metrics.CreateCounter("http_requests_total", "HTTP requests answered.");
    public static readonly Counter CacheHits = Metrics.CreateCounter("cache_hits_total", "Reads answered from the cache.");
    public static readonly Counter CacheMisses = Metrics.CreateCounter("cache_misses_total", "Reads that had to ask the database.");
    public static readonly Counter DbQueries = Metrics.CreateCounter("db_queries_total", "Statements sent to Postgres.");
    public static readonly Counter Errors = Metrics.CreateCounter("errors_total", "Requests answered with a 5xx.");
}
