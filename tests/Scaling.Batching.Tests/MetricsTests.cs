using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Polly;
using Polly.Retry;

namespace Scaling.Batching.Tests;

/// <summary>The meter tells the truth: every write ends in exactly one outcome, and nothing stays pending.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly TestMeters _meters = new();

    public void Dispose() => _meters.Dispose();

    private MetricCollector<T> Collect<T>(string instrument)
        where T : struct => new(_meters, "Scaling.Batching", instrument);

    private static Dictionary<string, long> Sum(MetricCollector<long> collector, string tag) => collector.GetMeasurementSnapshot()
        .GroupBy(one => (string)one.Tags[tag]!)
        .ToDictionary(group => group.Key, group => group.Sum(one => one.Value));

    [Fact]
    public async Task Outcomes_add_up_to_the_writes_whatever_happens_to_them()
    {
        using MetricCollector<long> outcomes = Collect<long>("scaling.batching.writes");
        using MetricCollector<int> pending = Collect<int>("scaling.batching.pending");
        var store = new HeldStore<int>();
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Capacity = 5, RejectWhenFull = true, MeterFactory = _meters, Name = "test" });

        Task<int> written = batcher.WriteAsync(0).AsTask();
        HeldStore<int>.Call first = await store.NextAsync();
        using var cancel = new CancellationTokenSource();
        Task<int> cancelled = batcher.WriteAsync(1, cancel.Token).AsTask();
        Task<int>[] three = [.. Enumerable.Range(2, 3).Select(i => batcher.WriteAsync(i).AsTask())];
        Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(5).AsTask(); });
        pending.RecordObservableInstruments();
        Assert.Equal(5, pending.LastMeasurement!.Value);
        await cancel.CancelAsync();
        await cancelled.ErrorAsync();
        first.Commit();
        await written.WithinDeadline();

        // Three in one batch: one poisoned, one unknown, one failed.
        (await store.NextAsync()).Fail(new RowFaultException(0, new FormatException()));
        (await store.NextAsync()).Fail(new FormatException()); // split in two
        (await store.NextAsync()).Fail(new WriteOutcomeUnknownException("?"));
        (await store.NextAsync()).Fail(new NotSupportedException());
        await Task.WhenAll(three.Select(task => task.ErrorAsync()));
        await batcher.StopAsync().WithinDeadline();
        Assert.Throws<WriteRejectedException>(() => { _ = batcher.WriteAsync(6).AsTask(); });

        Assert.Equal(
            new() { ["written"] = 1, ["cancelled"] = 1, ["rejected"] = 2, ["poisoned"] = 1, ["unknown"] = 1, ["failed"] = 1 },
            Sum(outcomes, "scaling.batching.outcome"));
        Assert.All(outcomes.GetMeasurementSnapshot(), one => Assert.Equal("test", one.Tags["scaling.batching.name"]));
    }

    [Fact]
    public async Task Batches_calls_and_reasons_are_told()
    {
        using MetricCollector<int> sizes = Collect<int>("scaling.batching.batch.size");
        using MetricCollector<double> ages = Collect<double>("scaling.batching.batch.age");
        using MetricCollector<double> durations = Collect<double>("scaling.batching.call.duration");
        using MetricCollector<long> calls = Collect<long>("scaling.batching.calls");
        ResiliencePipeline retry = new ResiliencePipelineBuilder()
            .AddRetry(new RetryStrategyOptions { MaxRetryAttempts = 2, Delay = TimeSpan.Zero, ShouldHandle = new PredicateBuilder().Handle<TimeoutException>() })
            .Build();
        int failures = 0, made = 0;
        await using var batcher = new WriteBatcher<int>(
            (items, _) =>
            {
                made++;
                return failures-- > 0 ? throw new TimeoutException() : items.Contains(7) ? throw new FormatException() : Task.CompletedTask;
            },
            new WriteBatcherOptions { MaxBatchSize = 4, MaxDelay = TimeSpan.FromMinutes(1), Pipeline = retry, MeterFactory = _meters });

        failures = 2;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => batcher.WriteAsync(i).AsTask())).WithinDeadline();
        Task poisoned = batcher.WriteAsync(7).AsTask();
        Task flush = batcher.FlushAsync(TestContext.Current.CancellationToken);
        await poisoned.ErrorAsync();
        await flush.WithinDeadline();
        Task[] four = [.. Enumerable.Range(4, 4).Select(i => batcher.WriteAsync(i).AsTask())];
        await batcher.FlushAsync(TestContext.Current.CancellationToken).WithinDeadline();
        Assert.Single(await Task.WhenAll(four.Select(task => task.ErrorAsync())), error => error is not null);

        Assert.Equal(9, sizes.GetMeasurementSnapshot().Sum(one => one.Value));
        Assert.All(sizes.GetMeasurementSnapshot(), one => Assert.Contains((string)one.Tags["scaling.batching.reason"]!, (string[])["full", "everyone", "quiet", "flush", "idle", "delay"]));
        Assert.Equal(sizes.GetMeasurementSnapshot().Count, ages.GetMeasurementSnapshot().Count);
        Assert.Equal(made, durations.GetMeasurementSnapshot().Count);

        // Every call is the first of its batch, a retry, or made by a split.
        Dictionary<string, long> further = Sum(calls, "scaling.batching.cause");
        Assert.Equal(2, further["retry"]);
        Assert.Equal(made, sizes.GetMeasurementSnapshot().Count + further.Values.Sum());
    }

    [Fact]
    public async Task A_stop_without_patience_leaves_nothing_uncounted()
    {
        using MetricCollector<long> outcomes = Collect<long>("scaling.batching.writes");
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var store = new HeldStore<int>();
        var batcher = new WriteBatcher<int, int>(store.WriteAsync, new WriteBatcherOptions { Capacity = 2, MeterFactory = _meters }, time);
        Task[] writes = [.. Enumerable.Range(0, 5).Select(i => batcher.WriteAsync(i).AsTask())]; // one or two sent, the rest queued or in line
        await store.NextAsync();
        Task stop = batcher.StopAsync(new CancellationToken(true));
        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return stop.IsCompleted;
        });
        await Task.WhenAll(writes.Select(write => write.ErrorAsync()));
        Dictionary<string, long> sums = Sum(outcomes, "scaling.batching.outcome");
        Assert.Equal(5, sums.Values.Sum());
        Assert.Equal(["rejected", "unknown"], sums.Keys.Order());
    }
}
