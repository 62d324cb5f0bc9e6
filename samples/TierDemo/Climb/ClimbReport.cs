using Spectre.Console;

namespace TierDemo.Climb;

/// <summary>What climb prints at its end, and its exit code.</summary>
internal static class ClimbReport
{
    private const int WidthOfFiles = 160;

    public static void Print(Ladder ladder)
    {
        Console.WriteLine();
        foreach (string line in GuideTable.Lines(ladder.Rows))
        {
            Console.WriteLine(line);
        }

        Console.WriteLine();
        Console.WriteLine("req/s: ceiling of the mixed traffic, closed loop. p99: at half of that, fixed rate, from the moment each request was due.");
        Console.WriteLine("Break point: VUs of the mixed traffic, in steps, at which p99 passed 500 ms, requests failed, or two steps brought no more req/s.");
        Console.WriteLine();
        Console.WriteLine("What each rung bought:");
        Print(ladder.Verdicts);
        Console.WriteLine($"n/a: this machine cannot show it. It has {Environment.ProcessorCount} cores, which generator, workers, Postgres and Redis share:");
        Console.WriteLine("compare the tiers with each other, not with the guide's absolute numbers.");
    }

    /// <summary>0 only when every tier answered without errors and tier 4 survived the kill (if Redis could be killed at all).</summary>
    public static int ExitCode(IReadOnlyCollection<TierRow> rows, Outage? tier4, bool killed) =>
        rows.Count == 4 && rows.All(row => row is { Errors: 0, Requests: > 0 }) && (!killed || tier4 is { Survived: true }) ? 0 : 1;

    private static void Print(IEnumerable<Verdict> verdicts)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = WidthOfFiles;
        }

        Table table = new Table().AddColumns("Tier", "", "Step", "Measured", "The guide expects");
        foreach (Verdict verdict in verdicts)
        {
            table.AddRow([.. ((string[])[$"{verdict.Tier}", verdict.Word, verdict.Step, verdict.Measured, verdict.Expected]).Select(text => new Spectre.Console.Text(text))]);
        }

        AnsiConsole.Write(table);
    }
}
