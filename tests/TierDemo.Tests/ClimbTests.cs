using TierDemo.Climb;
using TierDemo.Load;

namespace TierDemo.Tests;

public class ClimbTests
{
    private static readonly TierRow Clean = new(1, 20, 5_297.4, TimeSpan.FromMilliseconds(2.71), 100_000, 0, "50 VUs (errors)");

    [Fact]
    public void The_table_is_the_guides()
    {
        string[] lines = [.. GuideTable.Lines([Clean])];
        Assert.Equal("| Tier | VUs tested | req/s  | p99      | Errors | Break point |", lines[0]);
        Assert.Equal("| 1    | 20         |  5,297 | 2.7 ms   | 0 %    | 50 VUs (errors) |", lines[2]);
        Assert.All(lines, line => Assert.Equal(7, line.Count(c => c == '|')));
    }

    [Theory]
    [InlineData(0, 10, "0 %")]
    [InlineData(1, 1_000_000, "0.01 %")]
    [InlineData(1, 8, "12.5 %")]
    [InlineData(3, 0, "100 %")]
    public void A_share_of_errors_is_never_rounded_down_to_none(long errors, long requests, string expected) =>
        Assert.Equal(expected, Text.ErrorShare(errors, requests));

    [Fact]
    public void Climbed_means_every_tier_without_errors_and_tier_4_alive_after_the_kill()
    {
        TierRow[] rows = [Clean, Clean, Clean, Clean];
        Outage survived = new(default, default, default, 6_000, 0, TimeSpan.FromSeconds(1));
        Assert.Equal(0, ClimbReport.ExitCode(rows, survived, killed: true));
        Assert.Equal(0, ClimbReport.ExitCode(rows, null, killed: false));
        Assert.Equal(1, ClimbReport.ExitCode(rows, null, killed: true));
        Assert.Equal(1, ClimbReport.ExitCode(rows, survived with { Failed = 1 }, killed: true));
        Assert.Equal(1, ClimbReport.ExitCode(rows, survived with { HitsAgainAfter = null }, killed: true));
        Assert.Equal(1, ClimbReport.ExitCode([Clean, Clean, Clean], survived, killed: true));
        Assert.Equal(1, ClimbReport.ExitCode([Clean, Clean, Clean with { Errors = 1 }, Clean], survived, killed: true));
        Assert.Equal(1, ClimbReport.ExitCode([Clean, Clean, Clean with { Requests = 0 }, Clean], survived, killed: true));
    }

    [Fact]
    public void Faster_needs_a_tenth_and_a_busy_machine_excuses_only_what_needs_cores()
    {
        Assert.Equal(Outcome.Ok, Verdict.Faster(4, "writes", 1_101, 3, 1_000, "").Outcome);
        Assert.Equal(Outcome.Not, Verdict.Faster(4, "writes", 1_099, 3, 1_000, "").Outcome);
        Assert.Equal(Outcome.Beyond, Verdict.FasterIfCoresWereIdle(2, "list", 1_000, 1, 1_000, 0.9, "").Outcome);
        Assert.Equal(Outcome.Not, Verdict.FasterIfCoresWereIdle(2, "list", 1_000, 1, 1_000, 0.6, "").Outcome);
        Assert.Equal(Outcome.Not, Verdict.FasterIfCoresWereIdle(2, "list", 1_000, 1, 1_000, double.NaN, "").Outcome);
        Assert.Equal(Outcome.Ok, Verdict.FasterIfCoresWereIdle(2, "list", 2_000, 1, 1_000, 0.9, "").Outcome);
    }

    [Theory]
    [InlineData(1, 999, "not")]
    [InlineData(1, 1_000, "ok")]
    [InlineData(4, 8_000, "n/a")]
    public void A_goal_beyond_one_machine_is_not_claimed(int tier, double measured, string expected) =>
        Assert.Equal(expected, Verdict.Goal(tier, measured).Word);

    [Fact]
    public void An_outage_owns_the_seconds_from_the_kill_until_a_second_after_the_first_hit()
    {
        // Second k has a latency of k ms: the p99 of a stretch is its last second.
        Outage outage = Outage.Split(Load(seconds: 15), TimeSpan.FromSeconds(4.2), TimeSpan.FromSeconds(9.3), TimeSpan.FromSeconds(1));
        Assert.Equal([3, 11, 14], new[] { outage.Before, outage.During, outage.After!.Value }.Select(time => Math.Round(time.TotalMilliseconds)));
        Assert.Equal(1, outage.Failed); // the one that was never sent
        Assert.Equal(151, outage.Requests);
        Assert.False(outage.Survived);
    }

    [Fact]
    public void Without_hits_the_outage_never_ends()
    {
        Outage outage = Outage.Split(Load(seconds: 15), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(9), hitsAgainAfter: null);
        Assert.Null(outage.After);
        Assert.Equal(14, Math.Round(outage.During.TotalMilliseconds));
        Assert.Contains("never", outage.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_counter_must_stand_at_the_start_of_a_line()
    {
        const string Four = "http_requests_total 1\ncache_hits_total 1\ncache_misses_total 0\ndb_queries_total 0\n";
        Assert.Equal(Outcome.Ok, Curl.Judge(Four + "errors_total 0\n").Outcome);
        Assert.Contains("errors_total", Curl.Judge(Four + "# TYPE errors_total counter\nmy_errors_total 0\n").Measured, StringComparison.Ordinal);
    }

    [Fact]
    public void What_reaches_the_database_is_what_was_counted_since()
    {
        DatabaseShare before = DatabaseShare.Parse("# HELP http_requests_total x\nhttp_requests_total 1000\ndb_queries_total 990\n");
        DatabaseShare after = DatabaseShare.Parse("db_queries_total 995\nhttp_requests_total 3000\n");
        Assert.Equal(new DatabaseShare(2000, 5), after.Since(before));
        Assert.Equal(0.0025, after.Since(before).PerRequest);
    }

    [Fact]
    public void Waiting_for_the_disk_is_not_being_busy()
    {
        CpuMeter before = CpuMeter.Parse("cpu  100 0 100 700 100 0 0 0 50 0");
        CpuMeter after = CpuMeter.Parse("cpu  150 0 125 750 175 0 0 0 99 0");
        Assert.Equal(0.375, CpuMeter.Between(before, after));
        Assert.Null(CpuMeter.Between(before, null));
    }

    private static LoadResult Load(int seconds) => new()
    {
        Requests = 10 * seconds,
        Elapsed = TimeSpan.FromSeconds(seconds),
        Latency = new LatencySummary(default, default, default, default, default, default),
        SuccessLatency = new LatencySummary(default, default, default, default, default, default),
        Good = 10 * seconds,
        Statuses = new Dictionary<int, long>(),
        Errors = new Dictionary<string, long>(),
        Headers = new Dictionary<string, IReadOnlyDictionary<string, long>>(),
        BytesReceived = 0,
        Unsent = 1,
        Timeline =
        [
            .. Enumerable.Range(0, seconds).Select(second => new LoadWindow(
                TimeSpan.FromSeconds(second), TimeSpan.FromSeconds(1), 10, 0, new LatencySummary(default, default, default, default, default, default))
            {
                Latencies = [(second * 1_000L, 10)],
            }),
        ],
    };
}
