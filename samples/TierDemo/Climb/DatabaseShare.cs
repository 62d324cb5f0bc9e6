using System.Globalization;

namespace TierDemo.Climb;

/// <summary>
/// How much of a load reaches Postgres, by the tier's own counters. The guide watches <c>pg_stat_activity</c> for it; there a statement of a few
/// microseconds is hardly ever seen.
/// </summary>
internal readonly record struct DatabaseShare(double Requests, double Queries)
{
    public double PerRequest => Queries / Math.Max(1, Requests);

    public static async Task<DatabaseShare> ReadAsync(Uri url, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        return Parse(await client.GetStringAsync(new Uri(url, "metrics"), cancellationToken));
    }

    public DatabaseShare Since(DatabaseShare before) => new(Requests - before.Requests, Queries - before.Queries);

    public override string ToString() => $"{Queries:N0} queries for {Requests:N0} requests";

    internal static DatabaseShare Parse(string metrics)
    {
        string[] lines = metrics.Split('\n');
        return new(Value("http_requests_total "), Value("db_queries_total "));

        double Value(string name) => double.Parse(lines.First(line => line.StartsWith(name, StringComparison.Ordinal)).AsSpan(name.Length), CultureInfo.InvariantCulture);
    }
}
