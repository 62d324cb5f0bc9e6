using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Polly;
using Polly.CircuitBreaker;
using Polly.Hedging;
using Polly.Retry;
using Scaling.Resilience;

namespace Scaling.Benchmarks;

/// <summary>What a strategy costs a call that succeeds at once, beside Polly's own nearest strategy.</summary>
[MemoryDiagnoser]
[ShortRunJob]
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class ResilienceOverhead
{
    private readonly ResilienceContext _context = ResilienceContextPool.Shared.Get();
    private readonly RetryBudget _budget = new();
    private readonly ResiliencePipeline _empty = ResiliencePipeline.Empty;
    private readonly ResiliencePipeline _pollyConcurrency = Build(b => b.AddConcurrencyLimiter(100));
    private readonly ResiliencePipeline _adaptive = Build(b => b.AddAdaptiveConcurrency());
    private readonly ResiliencePipeline _throttle = Build(b => b.AddAdaptiveThrottle());
    private readonly ResiliencePipeline _pollyBreaker = Build(b => b.AddCircuitBreaker(new CircuitBreakerStrategyOptions()));
    private readonly ResiliencePipeline _consecutive = Build(b => b.AddCircuitBreaker(CircuitBreakerPresets.Consecutive(5)));
    private readonly ResiliencePipeline _ratio = Build(b => b.AddCircuitBreaker(CircuitBreakerPresets.Ratio()));
    private readonly ResiliencePipeline _pollyRetry = Build(b => b.AddRetry(new RetryStrategyOptions()));
    private readonly ResiliencePipeline _pollyTimeout = Build(b => b.AddTimeout(TimeSpan.FromSeconds(10)));
    private readonly ResiliencePipeline _hardTimeout = Build(b => b.AddHardTimeout(TimeSpan.FromSeconds(10)));
    private readonly ResiliencePipeline _deadline = Build(b => b.AddDeadline());
    private readonly ResiliencePipeline<int> _pollyHedging = new ResiliencePipelineBuilder<int>().AddHedging(new HedgingStrategyOptions<int>()).Build();
    private readonly ResiliencePipeline<int> _percentileHedging;
    private readonly ResiliencePipeline _budgetRetry;

    public ResilienceOverhead()
    {
        _budgetRetry = Build(b => b.AddRetry(new RetryStrategyOptions().WithBudget(_budget)));
        _percentileHedging = new ResiliencePipelineBuilder<int>().AddHedging(new HedgingStrategyOptions<int>().WithBudget(_budget), new HedgingDelay()).Build();
    }

    [Benchmark(Baseline = true), BenchmarkCategory("limit")]
    public ValueTask<Outcome<int>> PollyConcurrencyLimiter() => Run(_pollyConcurrency);

    [Benchmark, BenchmarkCategory("limit")]
    public ValueTask<Outcome<int>> AdaptiveConcurrency() => Run(_adaptive);

    [Benchmark, BenchmarkCategory("limit")]
    public ValueTask<Outcome<int>> AdaptiveThrottle() => Run(_throttle);

    [Benchmark(Baseline = true), BenchmarkCategory("breaker")]
    public ValueTask<Outcome<int>> PollyCircuitBreaker() => Run(_pollyBreaker);

    [Benchmark, BenchmarkCategory("breaker")]
    public ValueTask<Outcome<int>> ConsecutiveBreaker() => Run(_consecutive);

    [Benchmark, BenchmarkCategory("breaker")]
    public ValueTask<Outcome<int>> RatioBreaker() => Run(_ratio);

    [Benchmark(Baseline = true), BenchmarkCategory("retry")]
    public ValueTask<Outcome<int>> PollyRetry() => Run(_pollyRetry);

    [Benchmark, BenchmarkCategory("retry")]
    public ValueTask<Outcome<int>> RetryWithBudget() => Run(_budgetRetry);

    [Benchmark(Baseline = true), BenchmarkCategory("timeout")]
    public ValueTask<Outcome<int>> PollyTimeout() => Run(_pollyTimeout);

    [Benchmark, BenchmarkCategory("timeout")]
    public ValueTask<Outcome<int>> HardTimeout() => Run(_hardTimeout);

    [Benchmark, BenchmarkCategory("timeout")]
    public ValueTask<Outcome<int>> DeadlineAbsent() => Run(_deadline);

    [Benchmark(Baseline = true), BenchmarkCategory("hedging")]
    public ValueTask<Outcome<int>> PollyHedging() => Run(_pollyHedging);

    [Benchmark, BenchmarkCategory("hedging")]
    public ValueTask<Outcome<int>> PercentileHedgingWithBudget() => Run(_percentileHedging);

    [Benchmark(Baseline = true), BenchmarkCategory("none")]
    public ValueTask<Outcome<int>> EmptyPipeline() => Run(_empty);

    private static ResiliencePipeline Build(Action<ResiliencePipelineBuilder> add)
    {
        var builder = new ResiliencePipelineBuilder();
        add(builder);
        return builder.Build();
    }

    private ValueTask<Outcome<int>> Run(ResiliencePipeline pipeline) =>
        pipeline.ExecuteOutcomeAsync(static (_, _) => Outcome.FromResultAsValueTask(42), _context, 0);

    private ValueTask<Outcome<int>> Run(ResiliencePipeline<int> pipeline) =>
        pipeline.ExecuteOutcomeAsync(static (_, _) => Outcome.FromResultAsValueTask(42), _context, 0);
}
