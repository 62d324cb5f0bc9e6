using Polly;
using Polly.Retry;

namespace Scaling.Resilience.Tests;

public class ReadmeTests
{
    [Fact]
    public async Task The_face_of_the_package_compiles_and_runs()
    {
        var budget = new RetryBudget();                                     // one per dependency, shared by retries and hedges
        ResiliencePipeline postgres = new ResiliencePipelineBuilder()
            .AddAdaptiveConcurrency()
            .AddRetry(new RetryStrategyOptions { MaxRetryAttempts = 3 }.WithBudget(budget))
            .AddCircuitBreaker(CircuitBreakerPresets.Consecutive(5))
            .Build();

        int answer = await postgres.ExecuteAsync(static _ => new ValueTask<int>(42));

        Assert.Equal(42, answer);
    }
}
