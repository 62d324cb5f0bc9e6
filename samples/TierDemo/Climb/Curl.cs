namespace TierDemo.Climb;

/// <summary>The steps that the guide does with curl.</summary>
internal static class Curl
{
    private static readonly string[] Counters = ["http_requests_total", "cache_hits_total", "cache_misses_total", "db_queries_total", "errors_total"];

    /// <summary>The cache header of user 1, asked for twice.</summary>
    public static async Task<Verdict> MissThenHitAsync(Uri url, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        string[] answers = new string[2];
        for (int i = 0; i < answers.Length; i++)
        {
            using HttpResponseMessage answer = await client.GetAsync(new Uri(url, "api/users/1"), cancellationToken);
            answers[i] = answer.Headers.TryGetValues("x-cache", out IEnumerable<string>? values) ? string.Concat(values) : "(no x-cache)";
        }

        return Verdict.Of(3, answers is ["MISS", "HIT"], "GET /api/users/1 twice", string.Join(", then ", answers), "MISS, then HIT");
    }

    public static async Task<string> MetricsAsync(Uri url, CancellationToken cancellationToken)
    {
        using var client = new HttpClient();
        return await client.GetStringAsync(new Uri(url, "metrics"), cancellationToken);
    }

    /// <summary>The value of a counter without labels, as it stands there; null when it does not.</summary>
    public static string? Counter(string metrics, string name) =>
        metrics.Split('\n').FirstOrDefault(line => line.StartsWith(name + " ", StringComparison.Ordinal))?[(name.Length + 1)..];

    internal static Verdict Judge(string metrics)
    {
        string[] missing = [.. Counters.Where(name => Counter(metrics, name) is null)];
        return Verdict.Of(4, missing.Length == 0, "GET /metrics", missing.Length == 0 ? "all five counters" : $"missing: {string.Join(", ", missing)}", "five counters, summed over the workers");
    }
}
