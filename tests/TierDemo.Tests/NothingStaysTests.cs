using System.Diagnostics;
using System.Globalization;
using TierDemo.Serve;

namespace TierDemo.Tests;

public class NothingStaysTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("KILL")]
    public async Task A_serve_that_is_ended_or_killed_leaves_no_process_and_no_file(string signal)
    {
        string temp = Directory.CreateTempSubdirectory("nothing-stays-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(temp, (UnixFileMode)0b111_111_111);
        }

        var start = new ProcessStartInfo("dotnet", [typeof(TierServer).Assembly.Location, "serve", "--tier", "3", "--port", "0", "--count", "10"])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["TMPDIR"] = temp;
        using Process serve = Process.Start(start)!;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        string? line;
        do
        {
            line = await serve.StandardOutput.ReadLineAsync(deadline.Token);
        }
        while (line is not null && !line.Contains("Ctrl-C ends", StringComparison.Ordinal));

        Assert.NotNull(line);
        Assert.True(ProcessesIn(temp).Count > 5);
        using (Process kill = Process.Start("kill", [$"-{signal}", serve.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync(deadline.Token);
        }

        await serve.WaitForExitAsync(deadline.Token);
        while (ProcessesIn(temp).Count > 0 || Directory.GetDirectories(temp, "scaling-*").Length > 0)
        {
            await Task.Delay(50, deadline.Token);
        }

        Directory.Delete(temp, recursive: true);
    }

    // Whatever serve starts inherits its TMPDIR.
    private static List<int> ProcessesIn(string temp) =>
    [
        .. Directory.GetDirectories("/proc")
            .Select(folder => int.TryParse(Path.GetFileName(folder), out int id) ? id : 0)
            .Where(id => id > 0 && Environment(id).Contains($"TMPDIR={temp}", StringComparison.Ordinal)),
    ];

    private static string Environment(int id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/environ");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
