using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience.Tests;

public class ThrottleTests
{
    private readonly FakeTimeProvider _time = new();

    [Property(MaxTest = 200)]
    public bool A_backend_that_accepts_its_calls_is_never_held_back_from((byte Burst, ushort WaitMilliseconds)[] steps, byte seed)
    {
        var machine = new ThrottleMachine(new AdaptiveThrottleOptions { Factor = 1.1 });
        var random = new Random(seed);
        TimeSpan now = TimeSpan.Zero;
        Queue<(long Ticket, TimeSpan Due)> running = new();
        foreach ((byte burst, ushort wait) in steps)
        {
            for (int i = 0; i < burst; i++)
            {
                if (!machine.TryEnter(now, random.NextDouble, out long ticket))
                {
                    return false;
                }

                running.Enqueue((ticket, now + TimeSpan.FromSeconds(2.9))); // however slow, answered within a slot
            }

            now += TimeSpan.FromMilliseconds(wait);
            while (running.TryPeek(out var call) && call.Due <= now)
            {
                machine.Report(running.Dequeue().Ticket, CallVerdict.Success, call.Due);
            }
        }

        return true;
    }

    [Fact]
    public async Task A_dead_backend_is_spared_nine_calls_in_ten_and_still_probed()
    {
        ResiliencePipeline pipeline = Build();
        int sent = 0;
        for (int i = 0; i < 10_000; i++)
        {
            await Call(pipeline, () => { sent++; throw new IOException(); });
            _time.Advance(TimeSpan.FromMilliseconds(5));
        }

        Assert.InRange(sent, 900, 1200);
    }

    [Fact]
    public async Task A_recovered_backend_is_found_again()
    {
        ResiliencePipeline pipeline = Build();
        for (int i = 0; i < 2000; i++)
        {
            await Call(pipeline, static () => throw new IOException());
        }

        int held = 0;
        for (int i = 0; i < 60_000; i++)
        {
            held = await Call(pipeline, static () => { }) is ThrottledException ? held + 1 : 0;
            _time.Advance(TimeSpan.FromMilliseconds(5));
        }

        Assert.Equal(0, held);
    }

    [Fact]
    public void Calls_that_hang_weigh_once_they_had_time_to_be_accepted()
    {
        var machine = new ThrottleMachine(new AdaptiveThrottleOptions());
        for (int i = 0; i < 100; i++)
        {
            Assert.True(machine.TryEnter(TimeSpan.Zero, () => 0.5, out _));
        }

        Assert.Equal(0, machine.ProbabilityAt(TimeSpan.FromSeconds(5)));
        Assert.Equal(0.9, machine.ProbabilityAt(TimeSpan.FromSeconds(6)));
    }

    [Fact]
    public async Task A_cancelled_call_counts_as_nothing()
    {
        ResiliencePipeline pipeline = Build();
        for (int i = 0; i < 1000; i++)
        {
            Assert.IsType<OperationCanceledException>(await Call(pipeline, static () => throw new OperationCanceledException()));
        }

        Assert.Null(await Call(pipeline, static () => { }));
    }

    private static async Task<Exception?> Call(ResiliencePipeline pipeline, Action action) =>
        (await pipeline.ExecuteOutcomeAsync(
            static (_, action) =>
            {
                action();
                return Outcome.FromResultAsValueTask(1);
            },
            ResilienceContextPool.Shared.Get(),
            action)).Exception;

    private ResiliencePipeline Build() => new ResiliencePipelineBuilder { TimeProvider = _time }.AddAdaptiveThrottle().Build();
}
