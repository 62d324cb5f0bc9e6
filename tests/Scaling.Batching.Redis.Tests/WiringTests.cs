using System.Net;
using System.Net.Sockets;
using Garnet;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Npgsql;
using Scaling.Batching.Tests;
using StackExchange.Redis;

namespace Scaling.Batching.Redis.Tests;

public sealed class WiringTests(RedisServer server, PostgresServer postgres)
{
    [Fact]
    public async Task The_snippet_of_the_readme_works()
    {
        await postgres.ExecuteAsync("create table users (write_id uuid unique, name text not null, email text not null)");
        IConnectionMultiplexer redis = server.Connection;
        NpgsqlDataSource dataSource = postgres.DataSource;
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        using var stopping = new CancellationTokenSource();
        CancellationToken stoppingToken = stopping.Token;
        Task watcher = Jobs.EventuallyAsync(async () => await postgres.ReadAsync<long>("select count(*) from users") == 1, "Ada in the table")
            .ContinueWith(_ => stopping.Cancel(), TaskScheduler.Default);

        // <readme>
        var queue = new RedisStreamWriteQueue<NewUser>(redis, "new-users", AppJson.Default.NewUser);
        await queue.EnqueueAsync(new NewUser("Ada", "ada@example.org"), cancellationToken: cancellationToken);   // Redis has it

        var insert = new PostgresInsert<QueuedWrite<NewUser>>("users")
            .Column("write_id", w => w.Id)
            .Column("name", w => w.Item.Name)
            .Column("email", w => w.Item.Email)
            .OnConflictDoNothing("write_id");

        await using var writer = new WriteBatcher<QueuedWrite<NewUser>>((writes, ct) => insert.ExecuteAsync(dataSource, writes, ct));
        await queue.DrainAsync(writer.WriteAsync, stoppingToken);                                                // in any number of processes
        // </readme>

        await watcher;
        Assert.Equal("Ada", await postgres.ReadAsync<string>("select name from users"));
        queue.Dispose();
    }

    [Fact]
    public async Task A_host_enqueues_drains_and_stops_with_nothing_left_in_hand()
    {
        string table = await postgres.TableAsync(Jobs.Columns), other = await postgres.TableAsync(Jobs.Columns), name = $"host-{Guid.NewGuid():N}";
        using IHost host = Host(services =>
        {
            services.AddRedisStreamWriteQueue(name, JobJson.Default.Job, (_, writes, ct) => Jobs.InsertInto(table).ExecuteAsync(postgres.DataSource, writes, ct));
            services.AddKeyedRedisStreamWriteQueue(name + "-2", JobJson.Default.Job, (_, writes, ct) => Jobs.InsertInto(other).ExecuteAsync(postgres.DataSource, writes, ct));
        });
        await host.StartAsync().WithinDeadline();
        var queue = host.Services.GetRequiredService<RedisStreamWriteQueue<Job>>();
        var keyed = host.Services.GetRequiredKeyedService<RedisStreamWriteQueue<Job>>(name + "-2");
        await queue.EnqueueAsync(500);
        await keyed.EnqueueAsync(300);
        await host.StopAsync().WithinDeadline();
        long left = await queue.GetLengthAsync() + await keyed.GetLengthAsync();
        Assert.Equal(800 - left, await postgres.ReadAsync<long>($"select (select count(*) from {table}) + (select count(*) from {other})"));

        // The next host takes up what was left.
        using IHost next = Host(services =>
        {
            services.AddRedisStreamWriteQueue(name, JobJson.Default.Job, (_, writes, ct) => Jobs.InsertInto(table).ExecuteAsync(postgres.DataSource, writes, ct));
            services.AddKeyedRedisStreamWriteQueue(name + "-2", JobJson.Default.Job, (_, writes, ct) => Jobs.InsertInto(other).ExecuteAsync(postgres.DataSource, writes, ct));
        });
        await next.StartAsync().WithinDeadline();
        await next.Services.GetRequiredService<RedisStreamWriteQueue<Job>>().IsEmptyAsync();
        await next.Services.GetRequiredKeyedService<RedisStreamWriteQueue<Job>>(name + "-2").IsEmptyAsync();
        await next.StopAsync().WithinDeadline();
        await postgres.HasEachOnceAsync(table, 500);
        await postgres.HasEachOnceAsync(other, 300);
    }

    [Fact]
    public async Task Wrong_options_fail_at_start()
    {
        using IHost host = Host(services => services.AddRedisStreamWriteQueue("wrong", JobJson.Default.Job, configure: options => options.MaxDeliveries = 1));
        Assert.Contains("MaxDeliveries must be at least 3", (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync())).Message);
    }

    [Theory]
    [InlineData(nameof(RedisStreamWriteQueueOptions.MaxLength))]
    [InlineData(nameof(RedisStreamWriteQueueOptions.MaxInFlight))]
    [InlineData(nameof(RedisStreamWriteQueueOptions.AbandonedAfter))]
    [InlineData(nameof(RedisStreamWriteQueueOptions.MaxDeliveries))]
    [InlineData(nameof(RedisStreamWriteQueueOptions.PollInterval))]
    public void An_option_out_of_range_names_itself_and_the_remedy(string option)
    {
        var options = new RedisStreamWriteQueueOptions
        {
            MaxLength = option == nameof(RedisStreamWriteQueueOptions.MaxLength) ? 0 : 1,
            MaxInFlight = option == nameof(RedisStreamWriteQueueOptions.MaxInFlight) ? 0 : 1,
            AbandonedAfter = option == nameof(RedisStreamWriteQueueOptions.AbandonedAfter) ? TimeSpan.Zero : TimeSpan.FromSeconds(1),
            MaxDeliveries = option == nameof(RedisStreamWriteQueueOptions.MaxDeliveries) ? 2 : 3,
            PollInterval = option == nameof(RedisStreamWriteQueueOptions.PollInterval) ? TimeSpan.Zero : TimeSpan.FromSeconds(1),
        };
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Jobs.Queue(server.Connection, options));
        Assert.Equal(option, error.ParamName);
        Assert.Contains("must be", error.Message);
    }

    [Fact]
    public void A_name_with_a_brace_is_refused() =>
        Assert.Contains("brace", Assert.Throws<ArgumentException>(() => Jobs.Queue(server.Connection, name: "a{b}")).Message);

    [Fact]
    public async Task Garnet_is_refused_with_a_clear_error_at_start()
    {
        int port = FreePort();
        using var garnet = new GarnetServer(["--bind", "127.0.0.1", "--port", $"{port}", "--memory", "16m", "--page", "1m", "--segment", "4m", "--index", "1m", "--lua"]);
        garnet.Start();
        await using IConnectionMultiplexer connection = await RedisServer.ConnectAsync($"127.0.0.1:{port}");
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(connection);
        foreach (Task start in (Task[])[queue.DrainAsync((_, _) => default, CancellationToken.None), queue.EnqueueAsync(new(1, "x"))])
        {
            Assert.Contains("Garnet has no streams", Assert.IsType<NotSupportedException>(await start.ErrorAsync()).Message);
        }

        using IHost host = Host(services => services.AddRedisStreamWriteQueue("garnet", JobJson.Default.Job), connection);
        Assert.Contains("Garnet has no streams", Assert.IsType<NotSupportedException>(await host.StartAsync().ErrorAsync()).Message);
    }

    [Fact]
    public async Task Metrics_tell_length_delay_and_every_entrys_fate()
    {
        var meters = new TestMeters();
        string table = await postgres.TableAsync(Jobs.Columns + " check (text <> 'bad')");
        using RedisStreamWriteQueue<Job> queue = Jobs.Queue(server.Connection, new() { MaxLength = 11, MeterFactory = meters });
        using var events = new MetricCollector<long>(meters, "Scaling.Batching.Redis", "scaling.batching.queue.entries");
        using var delays = new MetricCollector<double>(meters, "Scaling.Batching.Redis", "scaling.batching.queue.delay");
        using var lengths = new MetricCollector<long>(meters, "Scaling.Batching.Redis", "scaling.batching.queue.length");
        using var dead = new MetricCollector<long>(meters, "Scaling.Batching.Redis", "scaling.batching.queue.dead_letters");
        await queue.EnqueueAsync(10);
        await queue.EnqueueAsync(new(10, "bad"));
        await queue.EnqueueAsync(new(11, "one too many")).ErrorAsync();
        lengths.RecordObservableInstruments();
        Assert.Equal(11, lengths.LastMeasurement!.Value);

        await using WriteBatcher<QueuedWrite<Job>> writer = Jobs.WriterTo(postgres.DataSource, table);
        using var end = new CancellationTokenSource();
        Task draining = queue.DrainAsync(writer.WriteAsync, end.Token);
        await Eventually.HoldsAsync(() =>
        {
            lengths.RecordObservableInstruments();
            dead.RecordObservableInstruments();
            return lengths.LastMeasurement!.Value == 0 && dead.LastMeasurement?.Value == 1;
        }, "the lengths after the drain");
        await end.CancelAsync();
        await draining.WithinDeadline();
        Dictionary<string, long> sums = events.GetMeasurementSnapshot().GroupBy(one => (string)one.Tags["scaling.batching.queue.event"]!).ToDictionary(group => group.Key, group => group.Sum(one => one.Value));
        Assert.Equal(new() { ["enqueued"] = 11, ["rejected"] = 1, ["written"] = 10, ["buried"] = 1 }, sums);
        Assert.Equal(10, delays.GetMeasurementSnapshot().Count);
    }

    private IHost Host(Action<IServiceCollection> configure, IConnectionMultiplexer? connection = null)
    {
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(connection ?? server.Connection);
        configure(builder.Services);
        return builder.Build();
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
