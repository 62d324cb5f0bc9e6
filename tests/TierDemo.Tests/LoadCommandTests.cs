using TierDemo.Load;

namespace TierDemo.Tests;

public class LoadCommandTests
{
    [Fact]
    public async Task It_loads_a_url_prints_what_it_found_and_exits_with_0()
    {
        await using LoadTarget target = await StartAsync();
        string url = target.Plan(LoadRequest.Get("/")).BaseUrl.ToString();
        await using TypedCommand load = TypedCommand.TierDemo(
            "load", "--url", $"{url}items?id={{1..3}}", "-c", "2", "-d", "0.5", "-m", "post", "-H", "X-Test: yes", "--body", "text");

        Assert.True(await load.EndAsync() == 0, load.Output + load.Errors);
        Assert.Contains("p99.9", load.Output, StringComparison.Ordinal);
        Assert.Contains(" 0 errors", load.Output, StringComparison.Ordinal);
        Assert.All(target.Seen, request => Assert.Equal(("POST", "text"), (request.Method, request.Body)));
        Assert.Equal(["/items?id=1", "/items?id=2", "/items?id=3"], target.Seen.Select(request => request.Path).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Errors_make_its_exit_code_1()
    {
        await using LoadTarget target = await StartAsync(503);
        await using TypedCommand load = TypedCommand.TierDemo("load", "--url", target.Plan(LoadRequest.Get("/")).BaseUrl.ToString(), "-d", "0.2", "--rate", "50");

        Assert.Equal(1, await load.EndAsync());
        Assert.Contains("HTTP 503: 10", load.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--url", "http://192.0.2.1/", "--i-own-this-host")]
    [InlineData("--url", "https://192.0.2.1/", "--i-own-this-host")]
    [InlineData("--url", "ftp://127.0.0.1/", "http://localhost:3000")]
    [InlineData("--url", "nonsense", "http://localhost:3000")]
    [InlineData("--url", "http://127.0.0.1/ü", "percent-encode")]
    [InlineData("--connections", "0", "Connections")]
    [InlineData("--duration", "-1", "Duration")]
    [InlineData("--duration", "1e300", "too long")]
    [InlineData("--rate", "0", "leave it out")]
    [InlineData("--method", "two words", "GET")]
    [InlineData("--header", "no colon", "Name: value")]
    [InlineData("--header", "Content-Length: 5", "leave it out")]
    public async Task What_makes_no_load_is_refused_with_one_sentence(string option, string value, string says)
    {
        string[] url = option == "--url" ? [] : ["--url", "http://127.0.0.1:9/"];
        await using TypedCommand load = TypedCommand.TierDemo(["load", option, value, .. url]);

        Assert.Equal(2, await load.EndAsync());
        Assert.Contains(says, load.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", load.Errors, StringComparison.Ordinal); // no stack trace
    }

    private static async Task<LoadTarget> StartAsync(int status = 200)
    {
        var target = new LoadTarget
        {
            Answer = context =>
            {
                context.Response.StatusCode = status;
                return Task.CompletedTask;
            },
        };
        await target.StartAsync();
        return target;
    }
}
