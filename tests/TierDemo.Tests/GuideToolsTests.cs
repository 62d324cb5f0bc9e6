using System.Diagnostics;
using System.Text.Json;
using LocalServices;

namespace TierDemo.Tests;

/// <summary>The guide's own tools against tier 4: its k6 scripts (on a stand-in for k6's API) and Prometheus's checker.</summary>
public sealed class GuideToolsTests(GuideToolsTests.Tier4 tier4) : IClassFixture<GuideToolsTests.Tier4>
{
    [Theory]
    [InlineData("smoke-test.js", 3)]
    [InlineData("load-test.js", 60)]
    [InlineData("stress-test.js", 5)]
    [InlineData("spike-test.js", 5)]
    public async Task A_k6_script_runs_and_each_of_its_checks_holds(string script, int iterations)
    {
        Assert.SkipUnless(Binaries.Has("node") && Binaries.Has("curl"), "Needs node and curl, on which the scripts run here.");
        string output = await RunAsync("node", [Path.Combine(AppContext.BaseDirectory, "k6", "run.js"), script, $"{iterations}"], "");

        using JsonDocument run = JsonDocument.Parse(output);
        Assert.Equal("[]", run.RootElement.GetProperty("failed").GetRawText());
        string[] sent = [.. run.RootElement.GetProperty("sent").EnumerateArray().Select(request => request.GetString()!)];
        if (iterations > 50 || script == "smoke-test.js")
        {
            Assert.Contains("GET /api/users", sent);
            Assert.Contains("POST /api/users", sent);
            Assert.Contains(sent, request => request.StartsWith("GET /api/users/", StringComparison.Ordinal));
        }

        if (script == "smoke-test.js")
        {
            Assert.True(run.RootElement.GetProperty("hits")[2].GetBoolean()); // user 1 for the third time
        }

        Assert.Contains("http_req_failed", run.RootElement.GetProperty("thresholds").EnumerateArray().Select(name => name.GetString()));
    }

    [Fact]
    public async Task Prometheus_finds_nothing_to_criticize_in_the_metrics()
    {
        Assert.SkipUnless(Binaries.Has("promtool"), "Needs promtool (apt-get install prometheus).");
        await tier4.Tier.SendAsync(HttpMethod.Get, "/api/users/1");
        string metrics = (await tier4.Tier.SendAsync(HttpMethod.Get, "/metrics")).Body;

        Assert.Contains("http_requests_total", metrics, StringComparison.Ordinal);
        Assert.Equal("", await RunAsync("promtool", ["check", "metrics"], metrics));
    }

    private async Task<string> RunAsync(string program, string[] arguments, string input)
    {
        var start = new ProcessStartInfo(Binaries.Find(program), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["BASE_URL"] = tier4.Tier.Url.ToString().TrimEnd('/');
        start.Environment["USERS"] = "1000";
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}{await errors}");
        return output;
    }

    /// <summary>One tier 4 for all of them.</summary>
    public sealed class Tier4 : IAsyncLifetime
    {
        internal Tier Tier { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Tier = await Tier.StartAsync(4);

        public ValueTask DisposeAsync() => Tier.DisposeAsync();
    }
}
