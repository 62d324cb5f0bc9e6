using TierDemo.Climb;

namespace TierDemo.Tests;

public class PageDepthsTests
{
    private static readonly PageDepth[] Measured = [new(1, 4_000, 3_900), new(250, 2_000, 4_000), new(500, 1_000, 3_800)];

    [Fact]
    public void The_plot_draws_each_depth_to_scale()
    {
        string[] lines = [.. PageDepths.Plot(Measured)];
        Assert.Equal(7, lines.Length);
        Assert.Equal($"page 1      OFFSET {new string('█', 40)} 4,000", lines[1]);
        Assert.Equal($"page 500    OFFSET {new string('█', 10)} 1,000", lines[5]);
        Assert.Equal($"            cursor {new string('█', 38)} 3,800", lines[6]);
    }

    [Fact]
    public void The_cursor_must_be_clearly_faster_at_the_last_page()
    {
        Assert.Equal(Outcome.Ok, PageDepths.Judge(Measured).Outcome);
        Assert.Equal(Outcome.Not, PageDepths.Judge([new(1, 1_000, 1_000), new(500, 1_000, 1_000)]).Outcome);
    }
}
