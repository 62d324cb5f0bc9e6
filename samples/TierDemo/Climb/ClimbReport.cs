using Spectre.Console;

namespace TierDemo.Climb;

/// <summary>The guide's closing table, filled in, and what each rung bought.</summary>
internal static class ClimbReport
{
    public static void Print(Ladder ladder)
    {
        Console.WriteLine();
        Console.WriteLine("| Tier | VUs tested | req/s  | p99      | Errors | Break point |");
        Console.WriteLine("|------|-----------|--------|----------|--------|-------------|");
        foreach (TierRow row in ladder.Rows)
        {
            double errors = row.Requests == 0 ? 0 : 100.0 * row.Errors / row.Requests;
            Console.WriteLine($"| {row.Tier,-4} | {row.Users,-9} | {row.RequestsPerSecond,6:N0} | {Text.Of(row.P99),-8} | {errors:0.##} % | {row.BreakPoint} |");
        }

        Console.WriteLine();
        Console.WriteLine("req/s: ceiling of the mixed traffic, closed loop. p99: at half of that, fixed rate, from the moment each request was due.");
        var table = new Table().AddColumns("Tier", "", "Step", "Measured", "The guide expects");
        foreach (Verdict verdict in ladder.Verdicts)
        {
            table.AddRow([new Spectre.Console.Text($"{verdict.Tier}"), new Spectre.Console.Text(verdict.Passed ? "ok" : "not"), new Spectre.Console.Text(verdict.Step), new Spectre.Console.Text(verdict.Measured), new Spectre.Console.Text(verdict.Expected)]);
        }

        AnsiConsole.Write(table);
        Console.WriteLine($"On {Environment.ProcessorCount} cores, which the load generator, the workers and the databases share: compare the tiers, not the guide's absolute numbers.");
    }

    /// <summary>0 only when every tier answered without errors and tier 4 survived the kill.</summary>
    public static int ExitCode(Ladder ladder, bool killed) =>
        ladder.Rows.Count == 4 && ladder.Rows.All(row => row.Errors == 0)
        && (!killed || (ladder.Outages.TryGetValue(4, out Outage? outage) && outage is { Failed: 0, HitsAgainAfter: not null }))
            ? 0
            : 1;
}
