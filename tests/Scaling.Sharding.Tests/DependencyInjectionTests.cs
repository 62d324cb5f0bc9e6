using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Scaling.Sharding.Tests;

public sealed class DependencyInjectionTests
{
    [Fact]
    public async Task Two_keyed_sets_live_in_one_process_each_with_its_options_and_health()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddShardSet<object>(_ => new HashRing(["a"]), (_, name) => name);
        services.AddKeyedShardSet<object>("orders", _ => new ShardMap(["x", "y"]), (_, name) => name, options => options.MaxFanOut = 1);
        services.AddHealthChecks().AddShards<object>(
            (resource, _) => (string)resource == "y" ? throw new IOException("no route to host") : Task.CompletedTask, "orders", shardSet: "orders");
        await using ServiceProvider provider = services.BuildServiceProvider();

        Assert.Equal(["a"], provider.GetRequiredService<ShardSet<object>>().Map.Shards);
        Assert.Equal(["x", "y"], provider.GetRequiredKeyedService<ShardSet<object>>("orders").Map.Shards);
        HealthReport report = await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync();
        HealthReportEntry entry = report.Entries["orders"];
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Equal("ok", entry.Data["x"]);
        Assert.Contains("no route to host", (string)entry.Data["y"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", HealthStatus.Healthy)]
    [InlineData("x", HealthStatus.Degraded)]
    [InlineData("xy", HealthStatus.Unhealthy)]
    public async Task Health_tells_all_some_or_none_and_which(string dead, HealthStatus expected)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddShardSet<string>(_ => new ShardMap(["x", "y"]), (_, name) => name);
        services.AddHealthChecks().AddShards<string>((shard, _) => dead.Contains(shard, StringComparison.Ordinal) ? throw new IOException("down") : Task.CompletedTask);
        await using ServiceProvider provider = services.BuildServiceProvider();
        HealthReportEntry entry = (await provider.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries["shards"];
        Assert.Equal(expected, entry.Status);
        Assert.All((string[])["x", "y"], shard => Assert.Equal(!dead.Contains(shard, StringComparison.Ordinal), "ok".Equals(entry.Data[shard])));
    }

    [Fact]
    public void Options_out_of_range_are_refused_at_both_doors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShardSet<object>(new HashRing(["a"]), name => name, new ShardSetOptions { MaxFanOut = 0 }));
        var services = new ServiceCollection();
        services.AddShardSet<object>(_ => new HashRing(["a"]), (_, name) => name, options => options.QueryTimeout = TimeSpan.Zero);
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Throws<OptionsValidationException>(provider.GetRequiredService<IStartupValidator>().Validate);
    }
}
