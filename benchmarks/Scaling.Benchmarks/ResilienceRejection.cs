using BenchmarkDotNet.Attributes;
using Polly;
using Polly.CircuitBreaker;
using Scaling.Resilience;

namespace Scaling.Benchmarks;

/// <summary>What it costs to turn a call away, as an outcome and without a throw.</summary>
[MemoryDiagnoser]
[ShortRunJob]
public class ResilienceRejection : IDisposable
{
    private readonly ResilienceContext _context = ResilienceContextPool.Shared.Get();
    private readonly ResiliencePipeline _pollyBreaker = new ResiliencePipelineBuilder()
        .AddCircuitBreaker(new CircuitBreakerStrategyOptions { FailureRatio = 0.01, MinimumThroughput = 2, BreakDuration = TimeSpan.FromDays(1) }).Build();

    private readonly ResiliencePipeline _breaker = new ResiliencePipelineBuilder()
        .AddCircuitBreaker(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 2, BreakDuration = TimeSpan.FromDays(1) }).Build();

    private readonly ResiliencePipeline _pollyLimiter = new ResiliencePipelineBuilder().AddConcurrencyLimiter(1).Build();
    private readonly AdaptiveConcurrencyLimiter _limiter = new(new AdaptiveConcurrencyOptions { Algorithm = static () => new KneeLimit(initial: 1), QueueLimit = 0 });
    private readonly TaskCompletionSource<Outcome<int>> _never = new();
    private ResiliencePipeline _adaptive = ResiliencePipeline.Empty;

    [GlobalSetup]
    public void Setup()
    {
        for (int i = 0; i < 3; i++)
        {
            _ = Fail(_pollyBreaker).AsTask().Result;
            _ = Fail(_breaker).AsTask().Result;
        }

        _adaptive = new ResiliencePipelineBuilder().AddAdaptiveConcurrency(_limiter).Build();
        _ = Occupy(_pollyLimiter).AsTask();
        _ = Occupy(_adaptive).AsTask();
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _limiter.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(Baseline = true)]
    public ValueTask<Outcome<int>> PollyBreakerOpen() => Run(_pollyBreaker);

    [Benchmark]
    public ValueTask<Outcome<int>> BreakerOpen() => Run(_breaker);

    [Benchmark]
    public ValueTask<Outcome<int>> PollyConcurrencyLimiterFull() => Run(_pollyLimiter);

    [Benchmark]
    public ValueTask<Outcome<int>> AdaptiveConcurrencyFull() => Run(_adaptive);

    private ValueTask<Outcome<int>> Run(ResiliencePipeline pipeline) =>
        pipeline.ExecuteOutcomeAsync(static (_, _) => Outcome.FromResultAsValueTask(42), _context, 0);

    private ValueTask<Outcome<int>> Fail(ResiliencePipeline pipeline) =>
        pipeline.ExecuteOutcomeAsync(static (_, _) => Outcome.FromExceptionAsValueTask<int>(new IOException()), _context, 0);

    private ValueTask<Outcome<int>> Occupy(ResiliencePipeline pipeline) =>
        pipeline.ExecuteOutcomeAsync(static (_, never) => new ValueTask<Outcome<int>>(never.Task), ResilienceContextPool.Shared.Get(), _never);
}
