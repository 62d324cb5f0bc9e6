using System.Threading.RateLimiting;
using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.CircuitBreaker;
using Polly.RateLimiting;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience.Tests;

public class AdaptiveConcurrencyTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task What_waits_too_long_is_turned_away_although_no_call_ever_ends()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1);
        Assert.True(limiter.TryEnter());
        Task<bool> waiting = limiter.EnterAsync(CallPriority.Normal, CancellationToken.None).AsTask();

        await Until.True(() =>
        {
            _time.Advance(TimeSpan.FromMilliseconds(5));
            return waiting.IsCompleted;
        });

        Assert.False(await waiting);
    }

    [Fact]
    public async Task The_lowest_priority_gives_way_in_a_full_queue_and_the_highest_is_served_first()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1, queue: 2);
        Assert.True(limiter.TryEnter());
        Task<bool> low = Enter(limiter, CallPriority.Low);
        Task<bool> normal = Enter(limiter, CallPriority.Normal);
        Task<bool> high = Enter(limiter, CallPriority.High);

        Assert.False(await low);
        Assert.False(await Enter(limiter, CallPriority.Low));
        limiter.Leave(limiter.Now, CallVerdict.Success);
        Assert.True(await high);
        Assert.False(normal.IsCompleted);
        limiter.Leave(limiter.Now, CallVerdict.Success);
        Assert.True(await normal);
    }

    [Fact]
    public async Task A_burst_may_wait_an_interval_and_a_member_of_a_standing_queue_only_the_target()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1);
        Assert.True(limiter.TryEnter());
        Task<bool> burst = Enter(limiter, CallPriority.Normal);
        _time.Advance(TimeSpan.FromMilliseconds(95));
        Assert.False(burst.IsCompleted);
        for (int i = 0; i < 5; i++)
        {
            _ = Enter(limiter, CallPriority.Normal);
            _time.Advance(TimeSpan.FromMilliseconds(5)); // somebody is always waiting
        }

        Assert.False(await burst);
        Task<bool> late = Enter(limiter, CallPriority.Normal);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        _time.Advance(TimeSpan.FromMilliseconds(5)); // looked after once per target
        Assert.False(await late.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task While_the_queue_is_standing_the_newest_is_served_first()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1);
        Assert.True(limiter.TryEnter());
        _ = Enter(limiter, CallPriority.Normal);
        for (int i = 0; i < 30; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(4)); // somebody is always waiting: after 100 ms the queue is standing
            _ = Enter(limiter, CallPriority.Normal);
        }

        Task<bool> older = Enter(limiter, CallPriority.Normal);
        Task<bool> newest = Enter(limiter, CallPriority.Normal);
        limiter.Leave(limiter.Now, CallVerdict.Success);

        Assert.True(await newest);
        Assert.False(older.IsCompleted);
    }

    [Fact]
    public async Task A_cancelled_waiter_leaves_the_queue_and_its_permit_goes_to_the_next()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1);
        Assert.True(limiter.TryEnter());
        using var cancel = new CancellationTokenSource();
        Task<bool> cancelled = limiter.EnterAsync(CallPriority.Normal, cancel.Token).AsTask();
        Task<bool> next = Enter(limiter, CallPriority.Normal);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        limiter.Leave(limiter.Now, CallVerdict.Success);

        Assert.True(await next);
        Assert.Equal(1, limiter.InFlight);
    }

    [Fact]
    public async Task Under_cancellations_from_all_sides_no_permit_is_lost_and_none_is_given_twice()
    {
        using var limiter = new AdaptiveConcurrencyLimiter(new AdaptiveConcurrencyOptions { Algorithm = () => new Fixed(4), QueueLimit = 64 });
        int inside = 0, most = 0, served = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 2000; i++)
            {
                using var cancel = new CancellationTokenSource();
                ValueTask<bool> entering = limiter.EnterAsync((CallPriority)random.Next(3), cancel.Token);
                if (random.Next(2) == 0)
                {
                    await cancel.CancelAsync();
                }

                try
                {
                    if (!await entering)
                    {
                        continue;
                    }
                }
                catch (OperationCanceledException)
                {
                    continue;
                }

                int now = Interlocked.Increment(ref inside);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Decrement(ref inside);
                Interlocked.Increment(ref served);
                limiter.Leave(limiter.Now, CallVerdict.Success);
            }
        })));

        Assert.InRange(most, 1, 4);
        Assert.Equal(0, limiter.InFlight);
        Assert.Equal(0, limiter.Queued);
        Assert.True(served > 1000);
    }

    [Fact]
    public async Task Without_a_queue_a_rejection_is_an_outcome_with_retry_after_and_nothing_is_thrown()
    {
        using AdaptiveConcurrencyLimiter limiter = Build(limit: 1, queue: 0);
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddAdaptiveConcurrency(limiter).Build();
        Assert.True(limiter.TryEnter());
        int thrown = 0;
        void Count(object? sender, System.Runtime.ExceptionServices.FirstChanceExceptionEventArgs e) => thrown += e.Exception is RateLimiterRejectedException ? 1 : 0;
        AppDomain.CurrentDomain.FirstChanceException += Count;
        Outcome<int> outcome = await Run(pipeline, null);
        AppDomain.CurrentDomain.FirstChanceException -= Count;

        Assert.Equal(TimeSpan.FromSeconds(1), Assert.IsType<RateLimiterRejectedException>(outcome.Exception).RetryAfter);
        Assert.Equal(0, thrown);
    }

    [Fact]
    public async Task Timeouts_count_as_overload_and_an_open_circuit_or_a_cancellation_as_nothing()
    {
        var seen = new Recording();
        using var limiter = new AdaptiveConcurrencyLimiter(new AdaptiveConcurrencyOptions { Algorithm = () => seen });
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddAdaptiveConcurrency(limiter).Build();

        await Run(pipeline, new BrokenCircuitException());
        await Run(pipeline, new OperationCanceledException());
        Assert.Empty(seen.Samples);
        await Run(pipeline, new TimeoutException());
        await Run(pipeline, new InvalidOperationException("as Npgsql does", new TimeoutException()));
        await Run(pipeline, new TaskCanceledException("as HttpClient does", new TimeoutException()));
        await Run(pipeline, new IOException());
        await Run(pipeline, null);

        Assert.Equal([true, true, true, false, false], seen.Samples.Select(s => s.Dropped));
    }

    [Fact]
    public async Task It_is_a_rate_limiter_as_the_middleware_of_AspNetCore_expects_one()
    {
        using RateLimiter limiter = Build(limit: 2, queue: 0);
        RateLimitLease first = await limiter.AcquireAsync();
        using RateLimitLease second = limiter.AttemptAcquire();
        using RateLimitLease refused = await limiter.AcquireAsync();

        Assert.True(first.IsAcquired && second.IsAcquired && !refused.IsAcquired);
        Assert.True(refused.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan retryAfter));
        Assert.Equal(TimeSpan.FromSeconds(1), retryAfter);
        first.Dispose();
        first.Dispose(); // twice gives back once
        using RateLimitLease third = limiter.AttemptAcquire();
        using RateLimitLease fourth = limiter.AttemptAcquire();
        Assert.True(third.IsAcquired && !fourth.IsAcquired);
        RateLimiterStatistics statistics = limiter.GetStatistics()!;
        Assert.Equal(3, statistics.TotalSuccessfulLeases);
        Assert.Equal(2, statistics.TotalFailedLeases);
        Assert.Throws<ArgumentOutOfRangeException>(() => limiter.AttemptAcquire(2));
    }

    private static Task<bool> Enter(AdaptiveConcurrencyLimiter limiter, CallPriority priority) => limiter.EnterAsync(priority, CancellationToken.None).AsTask();

    private static ValueTask<Outcome<int>> Run(ResiliencePipeline pipeline, Exception? exception) =>
        pipeline.ExecuteOutcomeAsync(
            static (_, exception) => exception is null ? Outcome.FromResultAsValueTask(1) : Outcome.FromExceptionAsValueTask<int>(exception),
            ResilienceContextPool.Shared.Get(),
            exception);

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen; seen = target)
        {
            Interlocked.CompareExchange(ref target, value, seen);
        }
    }

    private AdaptiveConcurrencyLimiter Build(int limit, int queue = 128) =>
        new(new AdaptiveConcurrencyOptions { Algorithm = () => new Fixed(limit), QueueLimit = queue }, _time);

    private sealed class Fixed(int limit) : IConcurrencyLimit
    {
        public int Limit => limit;

        public void OnSample(in ConcurrencySample sample)
        {
        }
    }

    private sealed class Recording : IConcurrencyLimit
    {
        public List<ConcurrencySample> Samples { get; } = [];

        public int Limit => 10;

        public void OnSample(in ConcurrencySample sample) => Samples.Add(sample);
    }
}
