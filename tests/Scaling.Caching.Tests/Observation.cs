using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Logging;

namespace Scaling.Caching.Tests;

/// <summary>What a node says about itself: its metrics and its log.</summary>
public sealed class Observation : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly MetricCollector<double> _remoteCalls;

    public Observation()
    {
        var services = new ServiceCollection();
        services.AddHybridCache();
        services.AddMetrics();
        services.AddFakeLogging();
        _services = services.BuildServiceProvider();
        _remoteCalls = new MetricCollector<double>(_services.GetRequiredService<IMeterFactory>(), "Scaling.Caching", "scaling.caching.remote.duration");
    }

    public IServiceProvider Services => _services;

    /// <summary>How many calls to L2 ended like this: done, rejected, failed, timedout.</summary>
    public int Calls(string outcome, string? operation = null) => _remoteCalls.GetMeasurementSnapshot().Count(
        call => (string?)call.Tags["outcome"] == outcome && (operation is null || (string?)call.Tags["operation"] == operation));

    /// <summary>What was logged about changes of the guards' state, in order.</summary>
    public IReadOnlyList<LogLevel> StateLines =>
        [.. _services.GetFakeLogCollector().GetSnapshot().Where(line => line.Id.Id is 1 or 2).Select(line => line.Level)];

    public ValueTask DisposeAsync()
    {
        _remoteCalls.Dispose();
        return _services.DisposeAsync();
    }
}
