using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TierDemo.Load;

namespace TierDemo.Tests;

public sealed class LoadGeneratorTests : IAsyncLifetime
{
    private WebApplication _app = null!;
    private Func<HttpContext, Task> _answer = _ => Task.CompletedTask;
    private long _seen;

    private Uri Url => new(_app.Urls.First());

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Urls.Add("http://127.0.0.1:0");
        _app.Run(context =>
        {
            Interlocked.Increment(ref _seen);
            return _answer(context);
        });
        await _app.StartAsync();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    [Fact]
    public async Task Counts_agree_exactly_with_what_the_server_saw()
    {
        _answer = context =>
        {
            context.Response.Headers["x-cache"] = "HIT";
            return context.Response.WriteAsync(new string('x', 50_000)); // chunked, larger than any buffer
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 8));
        Assert.True(result.Requests > 8);
        Assert.Equal(Interlocked.Read(ref _seen), result.Requests);
        Assert.Equal(result.Requests, result.HeaderCount("x-cache", "HIT"));
        Assert.Equal(result.Requests, result.Timeline.Sum(window => window.Requests));
        Assert.Equal(0, result.ErrorCount);
        Assert.True(result.BytesReceived > 50_000 * result.Requests);
    }

    [Fact]
    public async Task A_stall_shows_in_the_open_loop_for_every_request_due_during_it()
    {
        int stalled = 0;
        _answer = _ => Interlocked.Exchange(ref stalled, 1) == 0 ? Task.Delay(500) : Task.CompletedTask;
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 1) with { Rate = 200, Duration = TimeSpan.FromSeconds(1) });
        Assert.Equal(200, result.Requests + result.Unsent);
        Assert.True(result.Latency.P50 > TimeSpan.FromMilliseconds(1) && result.Latency.P90 > TimeSpan.FromMilliseconds(300), result.Latency.ToString());
    }

    [Fact]
    public async Task Only_a_success_within_the_deadline_is_goodput()
    {
        int next = 0;
        _answer = async context =>
        {
            int kind = Interlocked.Increment(ref next) % 3;
            context.Response.StatusCode = kind == 0 ? 503 : 200;
            context.Response.Headers["x-kind"] = kind == 1 ? "late" : "prompt";
            await Task.Delay(kind == 1 ? 600 : 0);
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 30) with { Duration = TimeSpan.FromSeconds(1), Deadline = TimeSpan.FromMilliseconds(500), CountedHeaders = ["x-kind"] });
        Assert.InRange(result.HeaderCount("x-kind", "late"), 1, result.Requests);
        Assert.InRange(result.Good, 1, result.Statuses[200] - result.HeaderCount("x-kind", "late"));
        Assert.True(result.SuccessLatency.Max >= TimeSpan.FromMilliseconds(500), result.SuccessLatency.ToString());
    }

    [Theory]
    [InlineData(503)]
    [InlineData(404)]
    public async Task Answers_that_are_no_success_are_counted_by_status(int status)
    {
        _answer = context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 2));
        Assert.Equal(result.Requests, result.Errors[LoadErrors.Status(status)]);
        Assert.Equal(Interlocked.Read(ref _seen), result.Requests);
    }

    [Fact]
    public async Task A_connection_cut_in_mid_body_is_counted_and_replaced()
    {
        _answer = async context =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            context.Abort();
        };
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 2) with { Duration = TimeSpan.FromSeconds(2) });
        Assert.True(result.Requests > 2);
        Assert.Equal(result.Requests, result.Errors.GetValueOrDefault(LoadErrors.Reset) + result.Errors.GetValueOrDefault(LoadErrors.Closed));
    }

    [Fact]
    public async Task A_server_that_does_not_listen_is_a_result_not_an_exception()
    {
        Uri url = Url;
        await _app.StopAsync();
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 2) with { BaseUrl = url });
        Assert.True(result.Requests > 0);
        Assert.Equal(result.Requests, result.Errors[LoadErrors.Refused]);
    }

    [Fact]
    public async Task An_answer_that_never_comes_is_a_timeout_with_its_wait_in_the_latency()
    {
        _answer = context => Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        LoadResult result = await LoadGenerator.RunAsync(Plan(connections: 2) with { Timeout = TimeSpan.FromMilliseconds(100) });
        Assert.Equal(result.Requests, result.Errors[LoadErrors.Timeout]);
        Assert.True(result.Latency.P50 >= TimeSpan.FromMilliseconds(99));
    }

    [Fact]
    public async Task Cancellation_cuts_requests_in_flight()
    {
        using var cancel = new CancellationTokenSource();
        _answer = context =>
        {
            cancel.Cancel();
            return Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        };
        Task<LoadResult> load = LoadGenerator.RunAsync(Plan(connections: 4) with { Duration = TimeSpan.FromHours(1) }, null, cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => load.WaitAsync(TimeSpan.FromSeconds(5)));
    }

    [Fact]
    public async Task Another_machine_needs_the_users_word()
    {
        ArgumentException refusal = await Assert.ThrowsAsync<ArgumentException>(() => LoadGenerator.RunAsync(Plan(1) with { BaseUrl = new Uri("http://192.0.2.1/") }));
        Assert.Contains("--i-own-this-host", refusal.Message, StringComparison.Ordinal);
    }

    private LoadPlan Plan(int connections) => new(Url, Workload.Of(LoadRequest.Get("/{1..9}"))) { Connections = connections, Duration = TimeSpan.FromMilliseconds(500) };
}
