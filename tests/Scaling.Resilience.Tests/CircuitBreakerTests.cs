using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.CircuitBreaker;

namespace Scaling.Resilience.Tests;

public class CircuitBreakerTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Five_failures_in_a_row_open_the_circuit_and_four_do_not()
    {
        ResiliencePipeline pipeline = Build(CircuitBreakerPresets.Consecutive(5));
        for (int i = 0; i < 4; i++)
        {
            await Fail(pipeline);
        }

        Assert.Null(await Succeed(pipeline)); // and a success starts the count anew
        for (int i = 0; i < 5; i++)
        {
            Assert.IsType<IOException>(await Fail(pipeline));
        }

        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
    }

    [Fact]
    public async Task Three_hundred_cancelled_calls_neither_open_the_circuit_nor_hide_failures()
    {
        ResiliencePipeline pipeline = Build(CircuitBreakerPresets.Consecutive(5));
        for (int i = 0; i < 300; i++)
        {
            await Run(pipeline, new OperationCanceledException());
        }

        Assert.Null(await Succeed(pipeline));
        for (int i = 0; i < 5; i++)
        {
            await Fail(pipeline);
            await Run(pipeline, new OperationCanceledException());
        }

        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
    }

    [Fact]
    public async Task A_probe_cancelled_by_its_caller_does_not_close_the_circuit()
    {
        ResiliencePipeline pipeline = await Opened(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 1, Probes = 1 });
        _time.Advance(TimeSpan.FromSeconds(5));

        await Run(pipeline, new OperationCanceledException());

        Assert.IsType<IOException>(await Fail(pipeline)); // still half-open: this call was let through as the probe
        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
    }

    [Fact]
    public async Task An_answer_to_a_call_from_before_the_outage_changes_nothing()
    {
        ResiliencePipeline pipeline = Build(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 1, Probes = 2 });
        var late = new TaskCompletionSource<Outcome<int>>();
        ValueTask<Outcome<int>> begun = Start(pipeline, late.Task);
        await Fail(pipeline);
        _time.Advance(TimeSpan.FromSeconds(5));
        var probe = new TaskCompletionSource<Outcome<int>>();
        ValueTask<Outcome<int>> probing = Start(pipeline, probe.Task);

        late.SetResult(Outcome.FromResult(1));
        await begun;
        Assert.Null(await Succeed(pipeline));                                   // the second of two probes
        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));         // one real answer is not two
        probe.SetResult(Outcome.FromResult(1));
        await probing;

        Assert.Null(await Succeed(pipeline));
    }

    [Fact]
    public async Task A_probe_that_never_returns_is_replaced_after_a_break()
    {
        ResiliencePipeline pipeline = await Opened(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 1, Probes = 1 });
        _time.Advance(TimeSpan.FromSeconds(5));
        var never = new TaskCompletionSource<Outcome<int>>();
        Task hanging = Start(pipeline, never.Task).AsTask();
        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));

        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Null(await Succeed(pipeline));
        Assert.False(hanging.IsCompleted);
    }

    [Fact]
    public async Task A_step_of_the_wall_clock_neither_opens_nor_holds()
    {
        var stepping = new SteppingTimeProvider(_time);
        ResiliencePipeline pipeline = Build(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 1, Probes = 1 }, stepping);
        await Fail(pipeline);
        stepping.Offset = TimeSpan.FromHours(1);
        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
        stepping.Offset = TimeSpan.FromHours(-1);
        _time.Advance(TimeSpan.FromSeconds(5));

        Assert.Null(await Succeed(pipeline));
    }

    [Fact]
    public async Task A_short_window_sees_an_outage_that_earlier_successes_would_hide()
    {
        ResiliencePipeline pipeline = Build(CircuitBreakerPresets.Ratio(0.5));
        for (int i = 0; i < 1000; i++)
        {
            await Succeed(pipeline);
        }

        _time.Advance(TimeSpan.FromSeconds(1.2));
        for (int i = 0; i < 10; i++)
        {
            Assert.IsType<IOException>(await Fail(pipeline));
        }

        Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
    }

    [Fact]
    public async Task With_a_prober_no_users_call_is_a_probe_and_only_a_real_answer_closes()
    {
        bool healthy = false;
        int asked = 0;
        var prober = new RecoveryProber(_ =>
        {
            Interlocked.Increment(ref asked);
            return healthy ? Task.CompletedTask : Task.FromException(new IOException());
        });
        ResiliencePipeline pipeline = await Opened(new ProbingCircuitBreakerOptions { ConsecutiveFailures = 1, Prober = prober });
        for (int i = 0; i < 20; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(6));
            Assert.IsType<BrokenCircuitException>(await Succeed(pipeline));
            await Until.True(() => Volatile.Read(ref asked) > i);
        }

        healthy = true;
        await Until.True(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(6));
            return await Succeed(pipeline) is null;
        });
    }

    private static ValueTask<Outcome<int>> Start(ResiliencePipeline pipeline, Task<Outcome<int>> answer) =>
        pipeline.ExecuteOutcomeAsync(static (_, task) => new ValueTask<Outcome<int>>(task), ResilienceContextPool.Shared.Get(), answer);

    private static async Task<Exception?> Run(ResiliencePipeline pipeline, Exception? exception) =>
        (await Start(pipeline, Task.FromResult(exception is null ? Outcome.FromResult(1) : Outcome.FromException<int>(exception)))).Exception;

    private static Task<Exception?> Fail(ResiliencePipeline pipeline) => Run(pipeline, new IOException());

    private static Task<Exception?> Succeed(ResiliencePipeline pipeline) => Run(pipeline, null);

    private async Task<ResiliencePipeline> Opened(ProbingCircuitBreakerOptions options)
    {
        ResiliencePipeline pipeline = Build(options);
        await Fail(pipeline);
        return pipeline;
    }

    private ResiliencePipeline Build(ProbingCircuitBreakerOptions options, TimeProvider? time = null) =>
        new ResiliencePipelineBuilder { TimeProvider = time ?? _time }.AddCircuitBreaker(options).Build();

    private sealed class SteppingTimeProvider(FakeTimeProvider inner) : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + Offset;

        public override long GetTimestamp() => inner.GetTimestamp();
    }
}
