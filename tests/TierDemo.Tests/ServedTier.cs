using System.Text.RegularExpressions;

namespace TierDemo.Tests;

/// <summary>A tier that <c>serve</c> announced on its console.</summary>
internal static partial class ServedTier
{
    public static Uri Url(string banner) => new(Address().Match(banner).Value);

    /// <summary>Asks for one user after the other, each twice, until the cache answers MISS, then HIT.</summary>
    public static async Task EventuallyMissesThenHitsAsync(string banner)
    {
        string[] answers = [];
        for (int user = 1; user <= 500 && answers is not ["MISS", "HIT"]; user++)
        {
            answers = await MissThenHitAsync(banner, user);
        }

        Assert.Equal(["MISS", "HIT"], answers);
    }

    /// <summary>The cache header of a user asked for twice.</summary>
    public static async Task<string[]> MissThenHitAsync(string banner, int user = 1)
    {
        using var client = new HttpClient();
        var answers = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage answer = await client.GetAsync(new Uri(Url(banner), $"/api/users/{user}"));
            answers.AddRange(answer.Headers.GetValues("x-cache"));
        }

        return [.. answers];
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+/")]
    private static partial Regex Address();
}
