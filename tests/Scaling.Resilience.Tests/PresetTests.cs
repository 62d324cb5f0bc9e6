using System.Net;
using LocalServices;
using Npgsql;
using Polly;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Scaling.Resilience.Tests;

public sealed class PresetTests(PresetTests.Servers servers) : IClassFixture<PresetTests.Servers>
{
    [Fact]
    public async Task A_real_serialization_failure_is_retried_until_it_commits()
    {
        await using var source = NpgsqlDataSource.Create(await servers.Postgres.CreateDatabaseAsync("serial"));
        await Run(source, "create table account (id int primary key, balance int not null); insert into account values (1, 0)");
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddPostgresDefaults().Build();
        int attempts = 0;

        await pipeline.ExecuteAsync(async ct =>
        {
            attempts++;
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(ct);
            await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.Serializable, ct);
            await using var read = new NpgsqlCommand("select balance from account where id = 1", connection, transaction);
            int balance = (int)(await read.ExecuteScalarAsync(ct))!;
            if (attempts == 1)
            {
                await Run(source, "update account set balance = balance + 100 where id = 1", ct); // another writer comes between
            }

            await using var write = new NpgsqlCommand($"update account set balance = {balance + 1} where id = 1", connection, transaction);
            await write.ExecuteNonQueryAsync(ct);
            await transaction.CommitAsync(ct);
        });

        Assert.Equal(2, attempts);
        await using NpgsqlCommand check = source.CreateCommand("select balance from account where id = 1");
        Assert.Equal(101, await check.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_lost_connection_is_retried_for_reads_and_never_for_writes()
    {
        await using var source = NpgsqlDataSource.Create(servers.Postgres.ConnectionString);
        foreach (bool idempotent in new[] { true, false })
        {
            ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddPostgresDefaults(idempotent).Build();
            int attempts = 0;
            async Task<int> Call() => await pipeline.ExecuteAsync(async ct =>
            {
                await using NpgsqlConnection connection = await source.OpenConnectionAsync(ct);
                if (++attempts == 1)
                {
                    await Run(source, $"select pg_terminate_backend({connection.ProcessID})", ct);
                }

                await using var command = new NpgsqlCommand("select 1", connection);
                return (int)(await command.ExecuteScalarAsync(ct))!;
            });

            if (idempotent)
            {
                Assert.Equal(1, await Call());
                Assert.Equal(2, attempts);
            }
            else
            {
                Exception lost = await Assert.ThrowsAnyAsync<NpgsqlException>(Call);
                Assert.True(PostgresErrors.IsTransient(lost));
                Assert.True(PostgresErrors.IsUnavailable(lost));
                Assert.False(PostgresErrors.IsRolledBack(lost));
                Assert.Equal(1, attempts);
            }
        }
    }

    [Fact]
    public async Task Constraint_violations_are_answers_and_open_no_circuit()
    {
        await using var source = NpgsqlDataSource.Create(await servers.Postgres.CreateDatabaseAsync("answers"));
        await Run(source, "create table t (id int primary key); insert into t values (1)");
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddPostgresDefaults().Build();
        for (int i = 0; i < 20; i++)
        {
            PostgresException violation = await Assert.ThrowsAsync<PostgresException>(async () => await pipeline.ExecuteAsync(async ct => await Run(source, "insert into t values (1)", ct)));
            Assert.Equal("23505", violation.SqlState);
        }
    }

    [Fact]
    public async Task A_killed_Postgres_opens_the_circuit_and_a_restarted_one_closes_it()
    {
        await using LocalPostgres postgres = await LocalPostgres.StartAsync();
        await using var source = NpgsqlDataSource.Create(postgres.ConnectionString);
        bool seenOpen = false;
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddCircuitBreaker(new ProbingCircuitBreakerOptions
        {
            IsFailure = outcome => PostgresErrors.IsUnavailable(outcome.Exception),
            Prober = new RecoveryProber(async ct => await Run(source, "select 1", ct)) { MaxDelay = TimeSpan.FromMilliseconds(50) },
        }).Build();
        await pipeline.ExecuteAsync(async ct => await Run(source, "select 1", ct));

        await postgres.KillAsync();
        await Until.True(async () => seenOpen = await Try() is BrokenCircuitException);
        await postgres.RestartAsync();
        await Until.True(async () => await Try() is null);

        Assert.True(seenOpen);

        async Task<Exception?> Try()
        {
            try
            {
                await pipeline.ExecuteAsync(async ct => await Run(source, "select 1", ct));
                return null;
            }
            catch (Exception error) when (error is NpgsqlException or BrokenCircuitException)
            {
                return error;
            }
        }
    }

    [Fact]
    public async Task A_real_deadlock_left_no_trace_and_is_no_outage()
    {
        await using var source = NpgsqlDataSource.Create(await servers.Postgres.CreateDatabaseAsync("deadlock"));
        await Run(source, "create table t (id int primary key, n int not null); insert into t values (1, 0), (2, 0)");
        await using NpgsqlConnection left = await source.OpenConnectionAsync();
        await using NpgsqlConnection right = await source.OpenConnectionAsync();
        await Execute(left, "set deadlock_timeout = '10ms'; begin; update t set n = n + 1 where id = 1");
        await Execute(right, "set deadlock_timeout = '10ms'; begin; update t set n = n + 1 where id = 2");
        Task crossing = Execute(left, "update t set n = n + 1 where id = 2");

        Exception? lost = await Record.ExceptionAsync(() => Execute(right, "update t set n = n + 1 where id = 1"))
            ?? await Record.ExceptionAsync(() => crossing); // Postgres picks either

        Assert.Equal("40P01", Assert.IsType<PostgresException>(lost).SqlState);
        Assert.True(PostgresErrors.IsRolledBack(lost) && PostgresErrors.IsTransient(lost));
        Assert.False(PostgresErrors.IsUnavailable(lost));
        _ = await Record.ExceptionAsync(() => crossing);
    }

    [Theory]
    [InlineData("MOVED")]
    [InlineData("ASK")]
    public async Task A_slot_that_has_moved_or_is_moving_may_be_asked_for_again(string reply)
    {
        await using LocalRedisCluster cluster = await LocalRedisCluster.StartAsync();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString + ",allowAdmin=true");
        IDatabase database = redis.GetDatabase();
        EndPoint home = (await database.IdentifyEndpointAsync("k"))!;
        IServer owner = redis.GetServer(home), other = redis.GetServers().First(server => !server.EndPoint.Equals(home));
        if (reply == "ASK")
        {
            await owner.ExecuteAsync("CLUSTER", "SETSLOT", database.Multiplexer.HashSlot("k"), "MIGRATING", (string)(await other.ExecuteAsync("CLUSTER", "MYID"))!);
        }

        Exception error = await Assert.ThrowsAnyAsync<RedisException>(() => (reply == "ASK" ? owner : other).ExecuteAsync("GET", ["k"], CommandFlags.NoRedirect));

        Assert.True(RedisErrors.IsTransient(error), error.Message);
        // The client tells a MOVED in words of its own, and an ASK that it may not follow as a node that cannot be reached.
        Assert.Equal(reply == "MOVED", RedisErrors.IsRefused(error));
    }

    [Theory]
    [InlineData("LOADING Redis is loading the dataset in memory", true)]
    [InlineData("TRYAGAIN Multiple keys request during rehashing of slot", true)]
    [InlineData("CLUSTERDOWN The cluster is down", true)]
    [InlineData("MASTERDOWN Link with MASTER is down", true)]
    [InlineData("WRONGTYPE Operation against a key holding the wrong kind of value", false)]
    public async Task What_a_real_Redis_refuses_for_now_may_be_retried_and_what_it_answers_may_not(string reply, bool refused)
    {
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        Exception error = await Assert.ThrowsAsync<RedisServerException>(() => redis.GetDatabase().ScriptEvaluateAsync($"return redis.error_reply('{reply}')"));

        Assert.Equal(refused, RedisErrors.IsRefused(error));
        Assert.Equal(refused, RedisErrors.IsTransient(error));
        Assert.False(RedisErrors.IsUnavailable(error));
    }

    [Fact]
    public async Task A_read_only_Redis_is_a_refusal_to_be_retried_and_no_outage()
    {
        await using LocalRedis replica = await LocalRedis.StartAsync();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(replica.ConnectionString + ",allowAdmin=true");
        IDatabase database = redis.GetDatabase();
        await database.ExecuteAsync("REPLICAOF", "127.0.0.1", "1");

        Exception refused = await Assert.ThrowsAnyAsync<RedisException>(async () => await database.ExecuteAsync("SET", ["k", "v"]));

        Assert.True(RedisErrors.IsRefused(refused), refused.ToString());
        Assert.True(RedisErrors.IsTransient(refused));
        Assert.False(RedisErrors.IsUnavailable(refused));
    }

    [Fact]
    public async Task A_hung_Redis_costs_a_second_per_call_then_nothing()
    {
        await using LocalRedis server = await LocalRedis.StartAsync();
        await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        IDatabase database = redis.GetDatabase();
        ResiliencePipeline pipeline = new ResiliencePipelineBuilder().AddRedisDefaults().Build();
        await pipeline.ExecuteAsync(async _ => await database.StringSetAsync("k", "v"));

        server.Pause();
        Exception[] failures = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => Fail()));
        Assert.All(failures, failure => Assert.True(RedisErrors.IsUnavailable(failure), failure.ToString()));
        Assert.IsType<BrokenCircuitException>(await Fail());
        server.Resume();

        async Task<Exception> Fail() => await Assert.ThrowsAnyAsync<Exception>(async () => await pipeline.ExecuteAsync(async _ => await database.StringGetAsync("k")));
    }

    private static async Task Execute(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task Run(NpgsqlDataSource source, string sql, CancellationToken cancellationToken = default)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public sealed class Servers : IAsyncLifetime
    {
        public LocalPostgres Postgres { get; private set; } = null!;

        public LocalRedis Redis { get; private set; } = null!;

        public async ValueTask InitializeAsync() => (Postgres, Redis) = (await LocalPostgres.StartAsync(), await LocalRedis.StartAsync());

        public async ValueTask DisposeAsync()
        {
            await Redis.DisposeAsync();
            await Postgres.DisposeAsync();
        }
    }
}
