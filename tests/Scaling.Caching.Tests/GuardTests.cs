using Microsoft.Extensions.Time.Testing;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

/// <summary>What becomes of a call when its node is slow or silent, on a clock that the test moves.</summary>
public class GuardTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(160);
    private static readonly TimeSpan Sweep = Timeout / Watchdog.Sweeps;

    private readonly FakeTimeProvider _clock = Caches.Clock();
    private readonly CacheGuardOptions _options = new() { Timeout = Timeout, ConsecutiveFaults = 1_000, MaxConcurrentCalls = 100 };

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(9.9)]
    public async Task A_call_that_ignores_everything_is_given_up_at_the_end_of_its_budget_or_one_sweep_before(double startedAfterSweep)
    {
        Guard guard = Closed(_options, _clock);
        var first = new TaskCompletionSource<int>();
        ValueTask<CallResult<int>> keepsSweeping = Run(guard, first.Task);
        _clock.Advance(TimeSpan.FromMilliseconds(startedAfterSweep));
        Task<CallResult<int>> call = Run(guard, new TaskCompletionSource<int>().Task).AsTask();

        TimeSpan step = TimeSpan.FromMilliseconds(0.1), waited = TimeSpan.Zero;
        for (; waited < Timeout - Sweep - step; waited += step)
        {
            _clock.Advance(step);
        }

        Assert.False(call.IsCompleted);
        for (; waited < Timeout; waited += step)
        {
            _clock.Advance(step);
        }

        Assert.Equal(CallOutcome.TimedOut, (await call.WaitAsync(Until.Patience)).Outcome);
        Assert.Equal(CallOutcome.TimedOut, (await keepsSweeping).Outcome);
    }

    [Fact]
    public async Task What_comes_late_changes_nothing()
    {
        Guard guard = Closed(new CacheGuardOptions { Timeout = Timeout, MaxConcurrentCalls = 2 }, _clock);
        for (int i = 0; i < 3; i++)
        {
            TaskCompletionSource<int>[] late = [new(), new()];
            Task<CallResult<int>>[] calls = [.. late.Select(one => Run(guard, one.Task).AsTask())];
            Assert.Equal(CallOutcome.Rejected, (await Run(guard, Task.FromResult(1))).Outcome);
            await GiveUpAsync(calls);
            Assert.All(calls, call => Assert.Equal(CallOutcome.TimedOut, call.Result.Outcome));

            late[0].SetException(new IOException("late"));
            late[1].SetResult(1);
            Assert.Equal(CallOutcome.Done, (await Run(guard, Task.FromResult(1))).Outcome);     // heard: the next two faults are the first of a row again
        }

        Assert.Equal(GuardState.Closed, guard.State);
    }

    [Fact]
    public async Task The_fault_of_a_call_that_was_given_up_is_observed()
    {
        string fault = $"late {Guid.NewGuid()}";
        int unobserved = 0;
        TaskScheduler.UnobservedTaskException += OnUnobserved;
        try
        {
            await FaultLateAsync(Closed(_options, _clock), fault);
            await Task.Yield();     // off the stack that still knows the task
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= OnUnobserved;
        }

        Assert.Equal(0, unobserved);

        void OnUnobserved(object? sender, UnobservedTaskExceptionEventArgs args) =>
            unobserved += args.Exception.InnerExceptions.Any(inner => inner.Message == fault) ? 1 : 0;
    }

    [Fact]
    public async Task A_place_is_given_back_once_however_an_answer_and_a_sweep_race()
    {
        (_options.MaxConcurrentCalls, _options.ConsecutiveFaults) = (4, int.MaxValue);
        Guard guard = Closed(_options, _clock);
        int[] outcomes = new int[4];
        using var stop = new CancellationTokenSource();
        Task sweeps = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                _clock.Advance(Sweep);
            }
        });
        Task calls = Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 5_000; i++)
            {
                var source = new TaskCompletionSource<int>();
                ValueTask<CallResult<int>> call = Run(guard, source.Task);
                ThreadPool.UnsafeQueueUserWorkItem(static source => source.SetResult(1), source, preferLocal: false);
                Interlocked.Increment(ref outcomes[(int)(await call).Outcome]);
            }
        })));
        await Task.WhenAny(calls, Task.Delay(Until.Patience));
        await stop.CancelAsync();
        await sweeps;
        await calls.WaitAsync(Until.Patience);

        Assert.Equal(20_000, outcomes.Sum());
        Assert.NotEqual(0, outcomes[(int)CallOutcome.Done]);
        Assert.Equal(CallOutcome.Done, (await Run(guard, Task.FromResult(1))).Outcome);     // no fault and no silence is held against the next ones
        Task<CallResult<int>>[] full = [.. Enumerable.Range(0, 5).Select(_ => Run(guard, new TaskCompletionSource<int>().Task).AsTask())];
        Assert.DoesNotContain(full[..4], call => call.IsCompleted);      // a place that was kept would reject one
        Assert.Equal(CallOutcome.Rejected, (await full[4].WaitAsync(Until.Patience)).Outcome);      // one given back twice would admit a fifth
        await GiveUpAsync(full);
    }

    [Fact]
    public async Task The_crowd_goes_around_a_silent_node_and_waits_for_one_that_speaks()
    {
        Guard guard = Closed(_options, _clock);
        var answers = new TaskCompletionSource<int>[Guard.Patient + 5];
        Task<CallResult<int>>[] calls = [.. answers.Select((_, i) => Run(guard, (answers[i] = new()).Task).AsTask())];

        _clock.Advance(Sweep * 4);
        answers[0].SetResult(1);
        _clock.Advance(Sweep * 4);
        Assert.DoesNotContain(calls[1..], call => call.IsCompleted);
        _clock.Advance(Sweep * 3);
        await Task.WhenAll(calls[Guard.Patient..]).WaitAsync(Until.Patience);

        Assert.All(calls[Guard.Patient..], call => Assert.Equal(CallOutcome.Rejected, call.Result.Outcome));
        Assert.DoesNotContain(calls[1..Guard.Patient], call => call.IsCompleted);
        Assert.Equal(CallOutcome.Done, (await calls[0]).Outcome);
        await GiveUpAsync(calls);
    }

    [Fact]
    public async Task A_process_that_was_stopped_itself_looks_again_before_it_judges()
    {
        var clock = new HandTimer();
        Guard guard = Closed(_options, clock);
        var answer = new TaskCompletionSource<int>();
        Task<CallResult<int>> answered = Run(guard, answer.Task).AsTask(), silent = Run(guard, new TaskCompletionSource<int>().Task).AsTask();

        clock.Fire(after: Timeout * 10);        // the first thing that runs after the stop
        answer.SetResult(1);                    // the second: what lay in the socket
        Assert.Equal(CallOutcome.Done, (await answered).Outcome);
        clock.Fire(after: Sweep);
        Assert.Equal(CallOutcome.TimedOut, (await silent.WaitAsync(Until.Patience)).Outcome);

        Task<CallResult<int>> starved = Run(guard, new TaskCompletionSource<int>().Task).AsTask();
        clock.Fire(after: Timeout);
        clock.Fire(after: Timeout);             // late every time: once is enough
        Assert.Equal(CallOutcome.TimedOut, (await starved.WaitAsync(Until.Patience)).Outcome);
    }

    [Fact]
    public async Task The_timer_rests_while_nothing_is_in_flight()
    {
        var clock = new HandTimer();
        Guard guard = Closed(_options, clock);
        for (int i = 0; i < 3; i++)
        {
            Assert.False(clock.Runs);
            var answer = new TaskCompletionSource<int>();
            ValueTask<CallResult<int>> call = Run(guard, answer.Task);
            Assert.True(clock.Runs);
            answer.SetResult(1);
            await call;
            clock.Fire(after: Sweep);
        }
    }

    [Fact]
    public void A_call_allocates_nothing_and_its_caller_goes_on_where_the_answer_comes()
    {
        Guard guard = Closed(_options, new HandTimer());
        TaskCompletionSource<int>[] answers = [.. Enumerable.Range(0, 2_000).Select(_ => new TaskCompletionSource<int>())];
        int wrong = 0;
        long before = 0;
        for (int i = 0; i < answers.Length; i++)
        {
            before = i == answers.Length / 2 ? GC.GetAllocatedBytesForCurrentThread() : before;
            ValueTask<CallResult<int>> call = Run(guard, answers[i].Task);
            answers[i].SetResult(i);
            wrong += HasBrought(call, i) ? 0 : 1;
        }

        Assert.Equal((0, 0), (GC.GetAllocatedBytesForCurrentThread() - before, wrong));
    }

    private static Guard Closed(CacheGuardOptions options, TimeProvider time)
    {
        var guard = new Guard("node", options, time, static _ => false);
        Assert.True(guard.TryClose(guard.Losses));
        return guard;
    }

    private static bool HasBrought(ValueTask<CallResult<int>> call, int value) => call.IsCompletedSuccessfully && call.Result.Value == value;

    private static ValueTask<CallResult<int>> Run(Guard guard, Task<int> answer) => guard.RunAsync(answer, static answer => answer);

    private Task GiveUpAsync(Task[] calls)
    {
        for (int i = 0; i < Watchdog.Sweeps + 1; i++)
        {
            _clock.Advance(Sweep);
        }

        return Task.WhenAll(calls).WaitAsync(Until.Patience);
    }

    private async Task FaultLateAsync(Guard guard, string fault)
    {
        var late = new TaskCompletionSource<int>();
        await GiveUpAsync([Run(guard, late.Task).AsTask()]);
        late.SetException(new IOException(fault));
    }
}
