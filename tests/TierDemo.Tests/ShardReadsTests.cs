using LocalServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;
using Polly.CircuitBreaker;
using TierDemo.Users;

namespace TierDemo.Tests;

public class ShardReadsTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_dead_shard_opens_its_own_circuit_and_the_others_are_read_on(bool shed)
    {
        await using LocalPostgres dead = await LocalPostgres.StartAsync();
        await using LocalPostgres alive = await LocalPostgres.StartAsync();
        await using var deadShard = NpgsqlDataSource.Create(await dead.CreateDatabaseAsync($"dead_{shed}"));
        await using var aliveShard = NpgsqlDataSource.Create(await alive.CreateDatabaseAsync($"alive_{shed}"));
        var reads = new ShardReads(shed);
        Assert.Equal(1, await ReadAsync(reads, deadShard));
        Assert.Equal(1, await ReadAsync(reads, aliveShard));

        await dead.KillAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await FailAsync(reads, deadShard) is not BrokenCircuitException)
        {
            deadline.Token.ThrowIfCancellationRequested();
        }

        Assert.Equal(1, await ReadAsync(reads, aliveShard));
        await using ServiceProvider services = new ServiceCollection().AddLogging().AddHealthChecks().AddCircuits().Services.BuildServiceProvider();
        HealthReportEntry circuits = (await services.GetRequiredService<HealthCheckService>().CheckHealthAsync(deadline.Token)).Entries["circuits"];
        Assert.Equal(HealthStatus.Degraded, circuits.Status);
        Assert.Equal("Open", circuits.Data[$"dead_{shed}"]);
        Assert.Equal("Closed", circuits.Data[$"alive_{shed}"]);
    }

    private static Task<int> ReadAsync(ShardReads reads, NpgsqlDataSource shard) => reads.RunAsync(
        shard,
        static async (shard, sql, token) =>
        {
            await using NpgsqlCommand command = shard.CreateCommand(sql);
            return (int)(await command.ExecuteScalarAsync(token))!;
        },
        "SELECT 1",
        CancellationToken.None);

    private static Task<Exception> FailAsync(ShardReads reads, NpgsqlDataSource shard) => Assert.ThrowsAnyAsync<Exception>(() => ReadAsync(reads, shard));
}
