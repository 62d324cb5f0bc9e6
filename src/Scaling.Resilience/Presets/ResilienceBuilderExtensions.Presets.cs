using Polly;
using Polly.Retry;

namespace Scaling.Resilience;

public static partial class ResilienceBuilderExtensions
{
    /// <summary>
    /// What a call to Postgres should have: the deadline kept, adaptive concurrency, up to three retries under a budget, and a circuit that
    /// opens after five failures of the server in a row.
    /// </summary>
    /// <param name="builder">The pipeline under construction; one per server, kept for the life of the process.</param>
    /// <param name="idempotent">
    /// False (default): retry only what certainly left no trace (<see cref="PostgresErrors.IsRolledBack"/>), right for writes.
    /// True: also after a lost connection or a timeout, right for reads.
    /// </param>
    /// <param name="name">Names the strategies in metrics and health. Default <c>postgres</c>.</param>
    /// <param name="budget">The server's budget, to share it between pipelines; a new one if null.</param>
    /// <returns>The same builder.</returns>
    public static ResiliencePipelineBuilder AddPostgresDefaults(
        this ResiliencePipelineBuilder builder, bool idempotent = false, string name = "postgres", RetryBudget? budget = null) =>
        AddDefaults(builder, name, budget, idempotent ? PostgresErrors.IsTransient : PostgresErrors.IsRolledBack, PostgresErrors.IsUnavailable);

    /// <summary>
    /// What a call to Redis should have: the deadline kept, adaptive concurrency, up to three retries under a budget, a circuit that opens
    /// after five failures of the server in a row, and a timeout of one second that holds although the client cannot recall a command.
    /// </summary>
    /// <param name="builder">The pipeline under construction; one per server, kept for the life of the process.</param>
    /// <param name="idempotent">False (default): retry only what the server refused to execute. True: also after a lost connection or a timeout.</param>
    /// <param name="name">Names the strategies in metrics and health. Default <c>redis</c>.</param>
    /// <param name="budget">The server's budget, to share it between pipelines; a new one if null.</param>
    /// <returns>The same builder.</returns>
    public static ResiliencePipelineBuilder AddRedisDefaults(
        this ResiliencePipelineBuilder builder, bool idempotent = false, string name = "redis", RetryBudget? budget = null) =>
        AddDefaults(builder, name, budget, idempotent ? RedisErrors.IsTransient : RedisErrors.IsRefused, RedisErrors.IsUnavailable)
            .AddHardTimeout(TimeSpan.FromSeconds(1));

    private static ResiliencePipelineBuilder AddDefaults(
        ResiliencePipelineBuilder builder, string name, RetryBudget? budget, Predicate<Exception?> isRetryable, Predicate<Exception?> isUnavailable) =>
        builder
            .AddDeadline()
            .AddAdaptiveConcurrency(new AdaptiveConcurrencyOptions { Name = name })
            .AddRetry(new RetryStrategyOptions
            {
                Name = name,
                MaxRetryAttempts = 3,
                Delay = TimeSpan.FromMilliseconds(20),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = args => new(isRetryable(args.Outcome.Exception)),
            }.WithBudget(budget ?? new RetryBudget(new RetryBudgetOptions { Name = name })))
            .AddCircuitBreaker(new ProbingCircuitBreakerOptions { Name = name, IsFailure = outcome => isUnavailable(outcome.Exception) });
}
