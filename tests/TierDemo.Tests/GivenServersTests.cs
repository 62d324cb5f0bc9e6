using LocalServices;

namespace TierDemo.Tests;

/// <summary>Servers given as strings are used, and none is started.</summary>
public sealed class GivenServersTests : IAsyncLifetime
{
    private LocalPostgres _postgres = null!;
    private LocalRedis _redis = null!;

    public async ValueTask InitializeAsync()
    {
        _postgres = await LocalPostgres.StartAsync();
        _redis = await LocalRedis.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _redis.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task Climb_climbs_on_them_kills_their_Redis_and_exits_with_0()
    {
        using var flags = new StubPrograms();
        string down = Path.Combine(flags.Folder, "down"), up = Path.Combine(flags.Folder, "up");
        await using TypedCommand climb = TypedCommand.TierDemo(
            "climb", "--seconds", "0.2", "--count", "1000", "--postgres", await _postgres.CreateDatabaseAsync("tierdemo"), "--redis", _redis.ConnectionString,
            "--redis-stop", $"touch {down}; while [ -e {down} ]; do sleep 0.05; done", "--redis-start", $"touch {up}; while [ -e {up} ]; do sleep 0.05; done");
        Task<int> end = climb.EndAsync();
        while (!end.IsCompleted)
        {
            await OnFlagAsync(down, _redis.KillAsync);
            await OnFlagAsync(up, () => _redis.RestartAsync());
            Assert.DoesNotContain(ProcessTable.With(climb.Temp), IsServer);
            await Task.WhenAny(end, Task.Delay(50));
        }

        Assert.True(await end == 0, climb.Output + climb.Errors);
        Assert.Contains($"Postgres   the one you named (127.0.0.1:{_postgres.Port}/tierdemo)", climb.Output, StringComparison.Ordinal);
        Assert.Contains($"Redis      the one you named ({_redis.ConnectionString})", climb.Output, StringComparison.Ordinal);
        string[] outages = [.. climb.Output.Split('\n').Where(line => line.StartsWith("  p99 ", StringComparison.Ordinal))];
        Assert.Equal(2, outages.Length); // tiers 3 and 4
        Assert.All(outages, line => Assert.Contains("; 0 of ", line, StringComparison.Ordinal));
        await climb.LeavesNothingAsync();
    }

    [Fact]
    public async Task Serve_takes_them_from_the_environment_too()
    {
        var environment = new Dictionary<string, string>
        {
            ["ConnectionStrings__Postgres"] = await _postgres.CreateDatabaseAsync("served"),
            ["ConnectionStrings__Redis"] = _redis.ConnectionString,
        };
        await using TypedCommand serve = TypedCommand.Start(["dotnet", TypedCommand.Program, "serve", "--tier", "4", "--port", "0", "--count", "1000"], environment);
        await serve.SaysAsync("Ctrl-C ends");

        Assert.DoesNotContain(ProcessTable.With(serve.Temp), IsServer);
        await ServedTier.EventuallyMissesThenHitsAsync(serve.Output);
        Assert.NotEqual(0, int.Parse(await _redis.CommandAsync(["DBSIZE"]), System.Globalization.CultureInfo.InvariantCulture));
        await serve.InterruptAsync();
        Assert.Equal(0, await serve.EndAsync());
        await serve.LeavesNothingAsync();
    }

    [Theory]
    [InlineData("--postgres", "Host=127.0.0.1;Port=1;Username=nobody", "--postgres")]
    [InlineData("--postgres", "Hosd=127.0.0.1", "--postgres")]
    [InlineData("--redis", "127.0.0.1:1", "--redis")]
    public async Task One_that_does_not_answer_is_one_sentence_that_names_its_option(string option, string value, string named)
    {
        string[] postgres = option == "--postgres" ? [] : ["--postgres", _postgres.ConnectionString];
        await using TypedCommand climb = TypedCommand.TierDemo(["climb", option, value, .. postgres]);

        Assert.Equal(1, await climb.EndAsync());
        string error = Assert.Single(climb.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(named, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Seed_fills_a_given_database_and_prints_rows_and_rows_a_second()
    {
        string database = await _postgres.CreateDatabaseAsync("seeded");
        await using TypedCommand seed = TypedCommand.TierDemo("seed", "--count", "20000", "--postgres", database);

        Assert.True(await seed.EndAsync() == 0, seed.Errors);
        Assert.Contains("Inserted 20,000 users in ", seed.Output, StringComparison.Ordinal);
        Assert.Matches("Insert rate: [0-9,]+ rows/s", seed.Output);
        await using var source = Npgsql.NpgsqlDataSource.Create(database + ";Pooling=false");
        await using Npgsql.NpgsqlCommand count = source.CreateCommand("SELECT count(*) FROM users WHERE email = 'user' || id || '@example.com'");
        Assert.Equal(20_000L, await count.ExecuteScalarAsync());
    }

    private static bool IsServer(string commandLine) =>
        commandLine.Contains("redis-server", StringComparison.Ordinal) || commandLine.Contains("bin/postgres", StringComparison.Ordinal) || commandLine.Contains("pgbouncer", StringComparison.Ordinal);

    private static async Task OnFlagAsync(string flag, Func<Task> act)
    {
        if (File.Exists(flag))
        {
            await act();
            File.Delete(flag);
        }
    }
}
