using System.CommandLine;
using Spectre.Console;

namespace TierDemo.Load;

/// <summary>The command <c>load</c>: the generator against any URL.</summary>
public static class LoadCommand
{
    public static Command Create()
    {
        var command = new Command("load", "Loads an HTTP server and reports throughput, latency and errors.");
        foreach (Option option in LoadOptions.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        try
        {
            LoadResult result = await LoadReport.RunAsync(LoadOptions.ToPlan(arguments), AnsiConsole.Console, cancellationToken).ConfigureAwait(false);
            return result.ErrorCount == 0 ? 0 : 1;
        }
        catch (Exception wrong) when (wrong is ArgumentException or OverflowException)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 2;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("Cancelled.").ConfigureAwait(false);
            return 130;
        }
    }
}
