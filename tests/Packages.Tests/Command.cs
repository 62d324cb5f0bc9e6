using System.Diagnostics;

namespace Packages.Tests;

/// <summary>Runs a command to its end.</summary>
internal static class Command
{
    /// <summary>Returns the exit code and all that was printed.</summary>
    public static async Task<(int ExitCode, string Output)> TryRunAsync(string folder, string[] command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The test run's own MSBuild settings are not a user's; and no build server may outlive the tests.
        foreach (string inherited in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(inherited);
        }

        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            string errors = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return (process.ExitCode, await output + errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Returns what was printed; fails unless the exit code is 0.</summary>
    public static async Task<string> RunAsync(string folder, string[] command, CancellationToken cancellationToken)
    {
        (int exitCode, string output) = await TryRunAsync(folder, command, cancellationToken);
        Assert.True(exitCode == 0, $"{string.Join(' ', command)} ended with {exitCode}:\n{output}");
        return output;
    }
}
