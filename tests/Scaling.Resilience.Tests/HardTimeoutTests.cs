using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Timeout;

namespace Scaling.Resilience.Tests;

public class HardTimeoutTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task It_holds_around_code_that_ignores_its_token_and_disposes_the_late_result()
    {
        var late = new TaskCompletionSource<Resource>();
        Task<Resource> call = Build().ExecuteAsync(_ => new ValueTask<Resource>(late.Task)).AsTask();
        Assert.False(call.IsCompleted);

        _time.Advance(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAsync<TimeoutRejectedException>(() => call);

        var resource = new Resource();
        late.SetResult(resource);
        await Until.True(() => resource.Disposed);
    }

    [Fact]
    public async Task A_late_failure_is_observed()
    {
        var unobserved = new List<string>();
        void Collect(object? sender, UnobservedTaskExceptionEventArgs e) => unobserved.Add(e.Exception.InnerException!.Message);
        TaskScheduler.UnobservedTaskException += Collect;
        try
        {
            await Abandon();
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Assert.DoesNotContain("late failure", unobserved);
        }
        finally
        {
            TaskScheduler.UnobservedTaskException -= Collect;
        }

        async Task Abandon()
        {
            var late = new TaskCompletionSource<int>();
            Task<int> call = Build().ExecuteAsync(_ => new ValueTask<int>(late.Task)).AsTask();
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Assert.ThrowsAsync<TimeoutRejectedException>(() => call);
            late.SetException(new IOException("late failure"));
        }
    }

    [Fact]
    public async Task The_callers_own_cancellation_is_kept_to_as_well()
    {
        using var caller = new CancellationTokenSource();
        var never = new TaskCompletionSource<int>();
        Task<int> call = Build().ExecuteAsync(_ => new ValueTask<int>(never.Task), caller.Token).AsTask();

        await caller.CancelAsync();

        var cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        Assert.Equal(caller.Token, cancelled.CancellationToken);
    }

    private ResiliencePipeline Build() =>
        new ResiliencePipelineBuilder { TimeProvider = _time }.AddHardTimeout(TimeSpan.FromMilliseconds(100)).Build();

    private sealed class Resource : IDisposable
    {
        public bool Disposed { get; private set; }

        public void Dispose() => Disposed = true;
    }
}
