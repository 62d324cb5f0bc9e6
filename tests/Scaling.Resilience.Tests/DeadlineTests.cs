using Microsoft.Extensions.Time.Testing;
using Polly;
using Polly.Timeout;

namespace Scaling.Resilience.Tests;

public class DeadlineTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("250m", 250)]
    [InlineData("1S", 1000)]
    [InlineData("2M", 120_000)]
    [InlineData("1H", 3_600_000)]
    [InlineData("1500u", 1.5)]
    [InlineData("2000000n", 2)]
    [InlineData("00000250m", 250)]
    public void The_header_has_the_syntax_of_grpc_timeout(string header, double milliseconds)
    {
        Assert.True(Deadline.TryParse(header, out Deadline? deadline, _time));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), deadline.Remaining);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("m")]
    [InlineData("-1m")]
    [InlineData("1.5S")]
    [InlineData("123456789m")]
    [InlineData("12 m")]
    [InlineData("10x")]
    public void A_malformed_header_is_no_deadline(string? header) => Assert.False(Deadline.TryParse(header, out _, _time));

    [Fact]
    public async Task Work_nobody_waits_for_is_not_started()
    {
        ResiliencePipeline pipeline = Build();
        using IDisposable scope = Deadline.After(TimeSpan.FromSeconds(1), _time).Enter();
        Assert.Equal(1, await pipeline.ExecuteAsync(static _ => new ValueTask<int>(1)));
        _time.Advance(TimeSpan.FromSeconds(1));

        bool started = false;
        await Assert.ThrowsAsync<DeadlineExceededException>(async () => await pipeline.ExecuteAsync(_ =>
        {
            started = true;
            return ValueTask.CompletedTask;
        }));

        Assert.False(started);
    }

    [Fact]
    public async Task Work_that_runs_into_the_deadline_is_cancelled()
    {
        using IDisposable scope = Deadline.After(TimeSpan.FromSeconds(1), _time).Enter();
        Task call = Build().ExecuteAsync(async ct => await Task.Delay(Timeout.InfiniteTimeSpan, ct)).AsTask();
        Assert.False(call.IsCompleted);

        _time.Advance(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAsync<TimeoutRejectedException>(() => call);
    }

    [Fact]
    public void A_nested_deadline_can_only_be_earlier_and_ends_with_its_scope()
    {
        using (Deadline.After(TimeSpan.FromSeconds(1), _time).Enter())
        {
            using (Deadline.After(TimeSpan.FromSeconds(9), _time).Enter())
            {
                Assert.Equal(TimeSpan.FromSeconds(1), Deadline.Current!.Remaining);
            }

            using (Deadline.After(TimeSpan.FromMilliseconds(200), _time).Enter())
            {
                Assert.Equal("200000u", Deadline.Current!.ToString());
            }

            Assert.Equal(TimeSpan.FromSeconds(1), Deadline.Current!.Remaining);
        }

        Assert.Null(Deadline.Current);
    }

    private ResiliencePipeline Build() => new ResiliencePipelineBuilder { TimeProvider = _time }.AddDeadline().Build();
}
