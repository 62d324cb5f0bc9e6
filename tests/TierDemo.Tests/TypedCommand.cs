using System.Diagnostics;
using System.Text;
using TierDemo.Serve;

namespace TierDemo.Tests;

/// <summary>A command as a user types it: a process in a group of its own, with a temp folder of its own.</summary>
internal sealed class TypedCommand : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _errors = new();
    private readonly CancellationTokenSource _deadline = new(Patience);

    private TypedCommand(Process process, string temp)
    {
        (_process, Temp) = (process, temp);
        process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Add(_errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public string Temp { get; }

    /// <summary>The process, leader of its group: setsid replaces itself by the command.</summary>
    public int Id => _process.Id;

    public string Output => Read(_output);

    public string Errors => Read(_errors);

    /// <summary>TierDemo's own program with these arguments.</summary>
    public static TypedCommand TierDemo(params string[] arguments) => Start(["dotnet", Program, .. arguments]);

    public static string Program => typeof(TierServer).Assembly.Location;

    public static TypedCommand Start(string[] command, IReadOnlyDictionary<string, string>? environment = null)
    {
        string temp = Directory.CreateTempSubdirectory("typed-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(temp, (UnixFileMode)0b111_111_111); // servers may run as another user
        }

        var start = new ProcessStartInfo("setsid", command) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        start.Environment["TMPDIR"] = temp;
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return new TypedCommand(Process.Start(start)!, temp);
    }

    /// <summary>Waits until this text was written, to either stream.</summary>
    public async Task SaysAsync(string text)
    {
        while (!Output.Contains(text, StringComparison.Ordinal) && !Errors.Contains(text, StringComparison.Ordinal))
        {
            Assert.False(_process.HasExited, $"Ended without saying '{text}':\n{Output}\n{Errors}");
            await Task.Delay(20, _deadline.Token);
        }
    }

    /// <summary>The exit code.</summary>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(_deadline.Token);
        return _process.ExitCode;
    }

    /// <summary>What Ctrl-C does: SIGINT to the whole foreground group.</summary>
    public async Task InterruptAsync()
    {
        using Process kill = Process.Start("kill", ["-INT", "--", $"-{Id}"]);
        await kill.WaitForExitAsync(_deadline.Token);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits until nothing of it is left: no process, no file.</summary>
    public async Task LeavesNothingAsync()
    {
        while (ProcessTable.With(Temp).Count > 0 || Directory.EnumerateFileSystemEntries(Temp).Any())
        {
            Assert.False(
                _deadline.IsCancellationRequested,
                $"Left: {string.Join(", ", ProcessTable.With(Temp).Concat(Directory.EnumerateFileSystemEntries(Temp)))}");
            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
        _deadline.Dispose();
        for (int attempt = 0; Directory.Exists(Temp); attempt++)
        {
            try
            {
                Directory.Delete(Temp, recursive: true);
            }
            catch (IOException) when (attempt < 100)
            {
                await Task.Delay(50); // a dying server may still write there
            }
        }
    }

    private static void Add(StringBuilder text, string? line)
    {
        lock (text)
        {
            text.Append(line).Append('\n');
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
        {
            return text.ToString();
        }
    }
}
