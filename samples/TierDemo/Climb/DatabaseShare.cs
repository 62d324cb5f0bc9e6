using System.Globalization;

namespace TierDemo.Climb;

/// <summary>
/// How much of a load reaches Postgres, by the tier's own counters. The guide watches <c>pg_stat_activity</c> for it; there a statement of a few
/// microseconds is hardly ever seen.
/// </summary>
internal readonly record struct DatabaseShare(double Requests, double Queries)
{
    public double PerRequest => Queries / Math.Max(1, Requests);

    /// <summary>What the tier answered, and asked Postgres for it, while a load ran.</summary>
    public static async Task<DatabaseShare> DuringAsync(Func<Task> load, Uri url, CancellationToken cancellationToken)
    {
        DatabaseShare before = Parse(await Curl.MetricsAsync(url, cancellationToken));
        await load();
        return Parse(await Curl.MetricsAsync(url, cancellationToken)).Since(before);
    }

    public override string ToString() => $"{Queries:N0} queries for {Requests:N0} requests";

    internal static DatabaseShare Parse(string metrics)
    {
        return new(Value("http_requests_total"), Value("db_queries_total"));

        double Value(string name) => double.Parse(Curl.Counter(metrics, name)!, CultureInfo.InvariantCulture);
    }

    internal DatabaseShare Since(DatabaseShare before) => new(Requests - before.Requests, Queries - before.Queries);
}
