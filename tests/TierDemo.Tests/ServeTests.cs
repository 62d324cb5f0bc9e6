using System.Text.Json;

namespace TierDemo.Tests;

public class ServeTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Every_tier_answers_the_guides_requests_and_refuses_bad_ones_by_saying_what_to_send(int number)
    {
        string[] logsOfOthers = Logs();
        await using Tier tier = await Tier.StartAsync(number);

        using JsonDocument first = await GetAsync(tier, "/api/users");
        Assert.Equal(Enumerable.Range(1, 20), Ids(first));
        string cursor = first.RootElement.GetProperty("nextCursor").GetString()!;
        Assert.Equal(Enumerable.Range(21, 20), Ids(await GetAsync(tier, $"/api/users?cursor={cursor}&limit=20")));
        using HttpResponseMessage linked = await tier.Client.GetAsync(new Uri("/api/users?limit=20", UriKind.Relative));
        Assert.Equal($"</api/users?limit=20&cursor={cursor}>; rel=\"next\"", linked.Headers.GetValues("Link").Single());
        Assert.Equal(Enumerable.Range(981, 20), Ids(await GetAsync(tier, "/api/users?cursor=980&limit=20")));
        Assert.Equal(Enumerable.Range(981, 20), Ids(await GetAsync(tier, "/api/users?page=50&limit=20")));
        Assert.Equal("User 1", (await GetAsync(tier, "/api/users/1")).RootElement.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, (await GetAsync(tier, "/api/users?cursor=990")).RootElement.GetProperty("nextCursor").ValueKind);

        const string user = """{"name":"Test User","email":"test@batch.com"}""";
        long last = await AddAsync(tier, user);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(404, (await tier.SendAsync(HttpMethod.Get, $"/api/users/{last + 1}")).Status); // a cache keeps that answer too
            Assert.Equal(last + 1, last = await AddAsync(tier, user));
            Assert.Equal(200, (await tier.SendAsync(HttpMethod.Get, $"/api/users/{last}")).Status);
        }

        foreach ((HttpMethod method, string path, string? json, int expected, string says) in BadRequests())
        {
            (int status, _, string body) = await tier.SendAsync(method, path, json);
            Assert.True(status == expected && body.Contains("\"title\":", StringComparison.Ordinal) && body.Contains(says, StringComparison.Ordinal), $"tier {number}: {method} {path} answered {status} {body}");
        }

        Assert.All(Logs().Except(logsOfOthers), log => Assert.DoesNotContain("fail:", File.ReadAllText(log), StringComparison.Ordinal)); // refused, not failed: no unhandled exception

        string metrics = (await tier.SendAsync(HttpMethod.Get, "/metrics")).Body;
        Assert.Contains("\nerrors_total 0\n", metrics, StringComparison.Ordinal);
        Assert.Contains("\nhttp_requests_total ", metrics, StringComparison.Ordinal);
        Assert.Contains("\ndb_queries_total ", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tier_3_shows_a_miss_and_then_a_hit()
    {
        await using Tier tier = await Tier.StartAsync(3);

        Assert.Equal("MISS", (await tier.SendAsync(HttpMethod.Get, "/api/users/1")).Cache);
        Assert.Equal("HIT", (await tier.SendAsync(HttpMethod.Get, "/api/users/1")).Cache);
    }

    private static string[] Logs() => Directory.GetFiles(LocalServices.LocalProcess.TempFolder, "worker-*.log");

    private static IEnumerable<(HttpMethod, string, string?, int, string)> BadRequests()
    {
        yield return (HttpMethod.Get, "/api/users?page=0", null, 400, "send a whole number from 1");
        yield return (HttpMethod.Get, "/api/users?limit=-1", null, 400, "send a whole number from 1 to 100");
        yield return (HttpMethod.Get, "/api/users?limit=1e9", null, 400, "send a whole number from 1 to 100");
        yield return (HttpMethod.Get, "/api/users?cursor=garbage", null, 400, "nextCursor");
        yield return (HttpMethod.Get, "/api/users/abc", null, 400, "send a whole number from 1");
        yield return (HttpMethod.Get, "/api/users/999999999", null, 404, "There is no user");
        yield return (HttpMethod.Post, "/api/users", "{\"name\":", 400, "test@batch.com");
        yield return (HttpMethod.Post, "/api/users", "{\"name\":\"x\"}", 400, "email");
        yield return (HttpMethod.Post, "/api/users", $$"""{"name":"{{new string('x', 10_000)}}","email":"a@b"}""", 400, "send at most 200");
        yield return (HttpMethod.Post, "/api/users", $$"""{"name":"{{new string('x', 1_000_000)}}","email":"a@b"}""", 413, "Send at most 64 KiB");
        yield return (HttpMethod.Post, "/api/users", $$"""{"name":"{{new string('x', 10_000_000)}}","email":"a@b"}""", 413, "Send at most 64 KiB");
        yield return (HttpMethod.Get, "/nothing", null, 404, "\"status\":404");
    }

    private static async Task<long> AddAsync(Tier tier, string user)
    {
        (int status, _, string body) = await tier.SendAsync(HttpMethod.Post, "/api/users", user);
        Assert.Equal(201, status);
        return JsonDocument.Parse(body).RootElement.GetProperty("id").GetInt64();
    }

    private static async Task<JsonDocument> GetAsync(Tier tier, string path)
    {
        (int status, _, string body) = await tier.SendAsync(HttpMethod.Get, path);
        Assert.True(status == 200, $"{path} answered {status} {body}");
        return JsonDocument.Parse(body);
    }

    private static IEnumerable<int> Ids(JsonDocument page) =>
        page.RootElement.GetProperty("data").EnumerateArray().Select(user => user.GetProperty("id").GetInt32());
}
