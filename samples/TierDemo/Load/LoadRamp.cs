namespace TierDemo.Load;

/// <summary>Why a ramp stopped.</summary>
public enum RampEnd
{
    /// <summary>The last step held: the break point is higher than the ramp went.</summary>
    NotReached,

    /// <summary>The p99 went over the bound.</summary>
    TooSlow,

    /// <summary>Requests failed.</summary>
    Errors,

    /// <summary>More users brought no more throughput, twice in a row.</summary>
    Saturated,
}

/// <summary>One step of a ramp.</summary>
public sealed record RampStep(int Users, LoadResult Result);

/// <summary>What a ramp found.</summary>
/// <param name="Steps">All steps, in order.</param>
/// <param name="End">Why it stopped.</param>
/// <param name="BreakPoint">The users at which it stopped; null when nothing broke. Saturated: the first step that brought no more.</param>
public sealed record RampResult(IReadOnlyList<RampStep> Steps, RampEnd End, int? BreakPoint)
{
    /// <summary>The step with the highest throughput.</summary>
    public RampStep Peak => Steps.MaxBy(step => step.Result.RequestsPerSecond)!;
}

/// <summary>Adds virtual users step by step until the server breaks: the guide's "Tier 1 broke at _____ VUs".</summary>
/// <param name="Plan">The load of one step, in the closed loop; its Connections are the ramp's to set.</param>
public sealed record LoadRamp(LoadPlan Plan)
{
    private const double Growth = 1.05;

    /// <summary>Virtual users of the steps, rising.</summary>
    public IReadOnlyList<int> Users { get; init; } = [10, 20, 40, 80, 160, 320, 640];

    /// <summary>The p99 above which it counts as broken. Default 500 ms, as in k6/stress-test.js.</summary>
    public TimeSpan P99Bound { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Runs the steps until one breaks.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<RampResult> RunAsync(IProgress<RampStep>? progress = null, CancellationToken cancellationToken = default)
    {
        if (Plan.Rate is not null || Users.Count == 0)
        {
            throw new ArgumentException("A ramp is a closed loop with at least one step; leave out the rate, name the users.");
        }

        var steps = new List<RampStep>();
        foreach (int users in Users)
        {
            LoadResult result = await LoadGenerator.RunAsync(Plan with { Connections = users }, null, cancellationToken).ConfigureAwait(false);
            var step = new RampStep(users, result);
            steps.Add(step);
            progress?.Report(step);
            RampEnd end = Judge(steps);
            if (end != RampEnd.NotReached)
            {
                return new RampResult(steps, end, end == RampEnd.Saturated ? steps[^2].Users : users);
            }
        }

        return new RampResult(steps, RampEnd.NotReached, null);
    }

    private RampEnd Judge(List<RampStep> steps) => steps[^1].Result switch
    {
        { ErrorCount: > 0 } => RampEnd.Errors,
        var last when last.Latency.P99 > P99Bound => RampEnd.TooSlow,
        _ when steps.Count > 2 && !Grew(steps, 1) && !Grew(steps, 2) => RampEnd.Saturated,
        _ => RampEnd.NotReached,
    };

    /// <summary>Whether the step that far from the end beat all before it by a twentieth; less is noise.</summary>
    private static bool Grew(List<RampStep> steps, int fromEnd) =>
        steps[^fromEnd].Result.RequestsPerSecond > Growth * steps.SkipLast(fromEnd).Max(step => step.Result.RequestsPerSecond);
}
