using System.Diagnostics;
using System.Runtime.InteropServices;
using LocalServices.Internal;

namespace LocalServices;

/// <summary>
/// A child process in a session of its own (the terminal's Ctrl-C does not reach it) that never outlives this process,
/// not even when this process is killed with SIGKILL. Its output goes to a log file.
/// </summary>
public sealed partial class LocalProcess : IAsyncDisposable
{
    private const int SIGINT = 2, SIGQUIT = 3, SIGKILL = 9, SIGTERM = 15, SIGCONT = 18, SIGSTOP = 19;

    private readonly Process _process;

    private LocalProcess(Process process, string logFile)
    {
        _process = process;
        LogFile = logFile;
        Id = process.Id;
        Reaper.Instance.Own(Id);
    }

    /// <summary>A folder that is removed when this process ends, however it ends.</summary>
    public static string TempFolder => Reaper.Instance.Folder;

    /// <summary>The process id.</summary>
    public int Id { get; }

    /// <summary>Where the process writes what it prints.</summary>
    public string LogFile { get; }

    /// <summary>True once the process has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Completes when the process ends, with its exit code.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken cancellationToken = default)
    {
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    /// <summary>Starts a program.</summary>
    /// <param name="name">Names the log file.</param>
    /// <param name="command">The program and its arguments.</param>
    /// <param name="environment">Variables added to ours.</param>
    public static LocalProcess Start(string name, IEnumerable<string> command, IReadOnlyDictionary<string, string>? environment = null)
    {
        string logFile = Path.Combine(Reaper.Instance.Folder, $"{name}-{Guid.NewGuid().ToString("N")[..8]}.log");
        // setsid and sh replace themselves by the program, so the process id is the program's own.
        var start = new ProcessStartInfo(Binaries.Find("setsid"), ["/bin/sh", "-c", "exec \"$@\" >\"$0\" 2>&1 </dev/null", logFile, .. command])
        {
            WorkingDirectory = "/",
        };
        foreach ((string key, string value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[key] = value;
        }

        return new LocalProcess(Process.Start(start)!, logFile);
    }

    /// <summary>Stops the process and its children in their tracks (SIGSTOP): connections stay open, nothing answers.</summary>
    public void Pause() => Signal(SIGSTOP, withChildren: true);

    /// <summary>Ends a <see cref="Pause"/> (SIGCONT).</summary>
    public void Resume() => Signal(SIGCONT, withChildren: true);

    /// <summary>Kills the process and its children (SIGKILL) and waits until it is gone.</summary>
    public Task KillAsync()
    {
        Signal(SIGKILL, withChildren: true);
        return EndAsync();
    }

    /// <summary>Asks the process to end (SIGTERM, or SIGINT), and kills it if it has not after the grace time.</summary>
    public async Task StopAsync(TimeSpan? grace = null, bool interrupt = false)
    {
        Signal(SIGCONT, withChildren: true);
        Signal(interrupt ? SIGINT : SIGTERM, withChildren: false);
        using var deadline = new CancellationTokenSource(grace ?? TimeSpan.FromSeconds(10));
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Signal(SIGKILL, withChildren: true);
        }

        await EndAsync();
    }

    /// <summary>Kills the process if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    /// <summary>The last lines of the log, for an error message.</summary>
    public string LogTail()
    {
        string[] lines = File.Exists(LogFile) ? File.ReadAllLines(LogFile) : [];
        return string.Join(Environment.NewLine, lines.TakeLast(15));
    }

    private async Task EndAsync()
    {
        await _process.WaitForExitAsync();
        Reaper.Instance.Disown(Id);
    }

    private void Signal(int signal, bool withChildren)
    {
        if (_process.HasExited)
        {
            return;
        }

        // The parent first: while it is stopped it cannot start new children behind our back.
        int[] children = withChildren ? Children() : [];
        _ = Kill(Id, signal);
        foreach (int child in children)
        {
            _ = Kill(child, signal);
        }
    }

    private int[] Children()
    {
        string file = $"/proc/{Id}/task/{Id}/children";
        return File.Exists(file) ? [.. File.ReadAllText(file).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)] : [];
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
