using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
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

    [Fact]
    public void Options_out_of_range_are_refused_at_both_doors()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ShardSet<object>(new HashRing(["a"]), name => name, new ShardSetOptions { MaxFanOut = 0 }));
        var services = new ServiceCollection();
        services.AddShardSet<object>(_ => new HashRing(["a"]), (_, name) => name, options => options.QueryTimeout = TimeSpan.Zero);
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Throws<OptionsValidationException>(provider.GetRequiredService<IStartupValidator>().Validate);
    }

    [Fact]
    public async Task Metrics_count_routes_and_errors_by_shard()
    {
        await using var shards = new ShardSet<object>(new HashRing(["metered"]), name => name);
        using var routes = new MetricCollector<long>(null, "Scaling.Sharding", "scaling.sharding.routes");
        using var errors = new MetricCollector<long>(null, "Scaling.Sharding", "scaling.sharding.errors");
        _ = shards[1];
        await shards.TryQueryAllAsync<int>((_, _) => throw new IOException("down"));
        Assert.Contains(routes.GetMeasurementSnapshot(), m => "metered".Equals(m.Tags["shard"]));
        Assert.Contains(errors.GetMeasurementSnapshot(), m => "metered".Equals(m.Tags["shard"]));
    }
}
