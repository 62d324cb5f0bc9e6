using System.Collections.Concurrent;
using Npgsql;
using Polly;
using Polly.Retry;
using Scaling.Resilience;

namespace TierDemo.Users;

/// <summary>How a shard is read: a retry budget and a circuit for each, so that a dead shard cuts off its own users only.</summary>
/// <param name="shed">Whether reads beyond what a shard can serve are turned away too, instead of waiting for a connection.</param>
internal sealed class ShardReads(bool shed)
{
    private readonly ConcurrentDictionary<NpgsqlDataSource, ResiliencePipeline> _pipelines = new();
    private readonly Func<NpgsqlDataSource, ResiliencePipeline> _create = shed ? CreateShedding : Create;

    public async Task<TResult> RunAsync<TState, TResult>(
        NpgsqlDataSource shard, Func<NpgsqlDataSource, TState, CancellationToken, Task<TResult>> read, TState state, CancellationToken cancellationToken) =>
        await _pipelines.GetOrAdd(shard, _create).ExecuteAsync(
            static async (call, token) => await call.read(call.shard, call.state, token), (read, shard, state), cancellationToken);

    private static ResiliencePipeline CreateShedding(NpgsqlDataSource shard) =>
        new ResiliencePipelineBuilder().AddPostgresDefaults(idempotent: true, Name(shard), Budget(shard)).Build();

    private static ResiliencePipeline Create(NpgsqlDataSource shard) => new ResiliencePipelineBuilder()
        .AddRetry(new RetryStrategyOptions
        {
            Name = Name(shard),
            ShouldHandle = args => new(PostgresErrors.IsTransient(args.Outcome.Exception)),
            MaxRetryAttempts = 2,
            Delay = TimeSpan.FromMilliseconds(20),
            UseJitter = true,
        }.WithBudget(Budget(shard)))
        .AddCircuitBreaker(new ProbingCircuitBreakerOptions { Name = Name(shard), IsFailure = outcome => PostgresErrors.IsUnavailable(outcome.Exception) })
        .Build();

    private static RetryBudget Budget(NpgsqlDataSource shard) => new(new RetryBudgetOptions { Name = Name(shard) });

    private static string Name(NpgsqlDataSource shard) => new NpgsqlConnectionStringBuilder(shard.ConnectionString).Database!;
}
