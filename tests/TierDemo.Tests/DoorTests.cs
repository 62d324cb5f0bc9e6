using System.Net;
using System.Text.Json;
using TierDemo.Load;

namespace TierDemo.Tests;

public class DoorTests
{
    private const string DeepPage = "/api/users?page=10&limit=100";

    [Fact]
    public async Task Beyond_the_ceiling_some_are_refused_at_once_and_all_others_answered()
    {
        await using Tier tier = await Tier.StartAsync(1, shed: true);
        var plan = new LoadPlan(tier.Url, Workload.Of(LoadRequest.Get(DeepPage))) { Connections = 400, Duration = TimeSpan.FromSeconds(3), CountedHeaders = ["retry-after"] };

        LoadResult result = await LoadGenerator.RunAsync(plan);

        Assert.Equal([200, 503], result.Statuses.Keys.Order());
        Assert.Equal(result.Statuses[503], result.ErrorCount); // nothing was cut, reset, or left without an answer
        Assert.Equal(result.Statuses[503], result.HeaderCount("retry-after", "1"));
        Assert.Contains("\nerrors_total ", (await tier.SendAsync(HttpMethod.Get, "/metrics")).Body, StringComparison.Ordinal);
        Assert.Equal("", tier.Log);
    }

    [Fact]
    public async Task A_request_nobody_waits_for_is_refused_with_a_problem_document_and_not_begun()
    {
        await using Tier tier = await Tier.StartAsync(1, shed: true);

        using HttpResponseMessage late = await SendAsync(tier, "0m");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, late.StatusCode);
        Assert.Equal("application/problem+json", late.Content.Headers.ContentType!.MediaType);
        Assert.Equal(TimeSpan.FromSeconds(1), late.Headers.RetryAfter!.Delta);
        using JsonDocument problem = JsonDocument.Parse(await late.Content.ReadAsStringAsync());
        Assert.Equal(503, problem.RootElement.GetProperty("status").GetInt32());
        Assert.Contains("try again", problem.RootElement.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("\ndb_queries_total 0\n", (await tier.SendAsync(HttpMethod.Get, "/metrics")).Body, StringComparison.Ordinal);

        using HttpResponseMessage inTime = await SendAsync(tier, "20S");
        Assert.Equal(HttpStatusCode.OK, inTime.StatusCode);
        using HttpResponseMessage malformed = await SendAsync(tier, "soon");
        Assert.Equal(HttpStatusCode.OK, malformed.StatusCode);
        Assert.Equal("", tier.Log);
    }

    private static async Task<HttpResponseMessage> SendAsync(Tier tier, string deadline)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, DeepPage);
        request.Headers.Add("x-request-deadline", deadline);
        return await tier.Client.SendAsync(request);
    }
}
