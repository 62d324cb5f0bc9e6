using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;

namespace Scaling.Resilience.Tests;

[Collection("circuits")] // the health check sees every circuit of the process
public class HostingTests
{
    [Fact]
    public async Task The_health_check_names_the_circuits_that_are_not_closed_and_calls_nothing()
    {
        await using ServiceProvider services = new ServiceCollection().AddLogging().AddHealthChecks().AddCircuits().Services.BuildServiceProvider();
        HealthCheckService health = services.GetRequiredService<HealthCheckService>();
        string name = "orders-" + Guid.NewGuid();
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder()
            .AddCircuitBreaker(new ProbingCircuitBreakerOptions { Name = name, ConsecutiveFailures = 1 })
            .Build();
        Assert.Equal("Closed", (await health.CheckHealthAsync()).Entries["circuits"].Data[name]);

        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(static _ => throw new IOException()));

        HealthReport report = await health.CheckHealthAsync();
        Assert.Equal(HealthStatus.Degraded, report.Status);
        Assert.Contains(name, report.Entries["circuits"].Description, StringComparison.Ordinal);
        await Assert.ThrowsAsync<BrokenCircuitException>(async () => await pipeline.ExecuteAsync(static _ => ValueTask.CompletedTask));
        GC.KeepAlive(pipeline);
    }

    [Fact]
    public async Task Gauges_show_limit_in_flight_budget_and_circuit_by_name()
    {
        string name = "gauge-" + Guid.NewGuid();
        using var limiter = new AdaptiveConcurrencyLimiter(new AdaptiveConcurrencyOptions { Name = name });
        var budget = new RetryBudget(new RetryBudgetOptions { Name = name });
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder()
            .AddAdaptiveConcurrency(limiter)
            .AddCircuitBreaker(new ProbingCircuitBreakerOptions { Name = name, ConsecutiveFailures = 1 })
            .AddAdaptiveThrottle(new AdaptiveThrottleOptions { Name = name })
            .Build();
        Assert.True(limiter.TryEnter());
        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(static _ => throw new IOException()));

        Assert.Equal(20, Read<int>("scaling.resilience.concurrency.limit", name));
        Assert.Equal(1, Read<int>("scaling.resilience.concurrency.in_flight", name));
        Assert.Equal(0, Read<int>("scaling.resilience.concurrency.queued", name));
        Assert.Equal(100, Read<double>("scaling.resilience.retry_budget.balance", name));
        Assert.Equal(2, Read<int>("scaling.resilience.circuit.state", name));
        Assert.InRange(Read<double>("scaling.resilience.throttle.rejection_probability", name), 0, 0.9);
        GC.KeepAlive(budget);
        GC.KeepAlive(pipeline);
    }

    [Fact]
    public async Task Rejections_are_counted_by_strategy_name_and_reason()
    {
        using var rejections = new MetricCollector<long>(null, "Scaling.Resilience", "scaling.resilience.rejections");
        string name = "counted-" + Guid.NewGuid();
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder()
            .AddCircuitBreaker(new ProbingCircuitBreakerOptions { Name = name, ConsecutiveFailures = 1 })
            .Build();
        await Assert.ThrowsAsync<IOException>(async () => await pipeline.ExecuteAsync(static _ => throw new IOException()));
        await Assert.ThrowsAsync<BrokenCircuitException>(async () => await pipeline.ExecuteAsync(static _ => ValueTask.CompletedTask));

        CollectedMeasurement<long> rejection = Assert.Single(rejections.GetMeasurementSnapshot(), m => Equals(m.Tags["name"], name));
        Assert.Equal("circuit_breaker", rejection.Tags["strategy"]);
        Assert.Equal("open", rejection.Tags["reason"]);
    }

    [Fact]
    public async Task The_container_makes_one_limiter_and_one_per_key()
    {
        await using ServiceProvider services = new ServiceCollection()
            .AddAdaptiveConcurrencyLimiter(o => o.Algorithm = static () => new KneeLimit(initial: 7))
            .AddKeyedAdaptiveConcurrencyLimiter("reports", o => o.Algorithm = static () => new AimdLimit(initial: 3))
            .BuildServiceProvider();

        Assert.Equal(7, services.GetRequiredService<AdaptiveConcurrencyLimiter>().Limit);
        Assert.Equal(3, services.GetRequiredKeyedService<AdaptiveConcurrencyLimiter>("reports").Limit);
        Assert.Same(services.GetRequiredService<AdaptiveConcurrencyLimiter>(), services.GetRequiredService<AdaptiveConcurrencyLimiter>());
    }

    [Fact]
    public void A_wrong_option_stops_the_host_at_its_start()
    {
        using ServiceProvider services = new ServiceCollection().AddAdaptiveConcurrencyLimiter(o => o.QueueLimit = -1).BuildServiceProvider();
        var error = Assert.Throws<OptionsValidationException>(() => services.GetRequiredService<IStartupValidator>().Validate());
        Assert.Contains("QueueLimit", error.Message, StringComparison.Ordinal);
    }

    private static T Read<T>(string instrument, string name)
        where T : struct
    {
        T? value = null;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (published, self) =>
        {
            if (published.Meter.Name == "Scaling.Resilience" && published.Name == instrument)
            {
                self.EnableMeasurementEvents(published);
            }
        };
        listener.SetMeasurementEventCallback<T>((_, measured, tags, _) =>
        {
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                value = Equals(tag.Value, name) ? measured : value;
            }
        });
        listener.Start();
        listener.RecordObservableInstruments();
        return Assert.NotNull(value);
    }
}
