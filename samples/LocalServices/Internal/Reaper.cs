using System.Diagnostics;

namespace LocalServices.Internal;

/// <summary>
/// The promise that nothing is left behind: one small shell process that holds a pipe to us.
/// When the pipe closes, also because we were killed with SIGKILL, it kills what we own and removes our folder.
/// </summary>
internal sealed class Reaper
{
    private static readonly Lazy<Reaper> Shared = new(() => new Reaper());

    private readonly Process _process;

    private Reaper()
    {
        Folder = Directory.CreateTempSubdirectory("scaling-").FullName;
        if (!OperatingSystem.IsWindows())
        {
            // Servers run as another user when we are root, and must be able to pass through.
            File.SetUnixFileMode(Folder, (UnixFileMode)0b111_101_101);
        }

        // A session of its own: Ctrl-C in the terminal goes to our process group and must not reach the reaper.
        var start = new ProcessStartInfo(Binaries.Find("setsid")) { RedirectStandardInput = true };
        foreach (string argument in (string[])["/bin/sh", "-c", Script(), "reaper", Folder])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Finish();
    }

    public static Reaper Instance => Shared.Value;

    /// <summary>The temp folder of this host process; everything a server writes lives below it.</summary>
    public string Folder { get; }

    public void Own(int processId) => Tell($"own {processId}");

    public void Disown(int processId) => Tell($"disown {processId}");

    private void Tell(string line)
    {
        lock (_process)
        {
            _process.StandardInput.WriteLine(line);
            _process.StandardInput.Flush();
        }
    }

    private void Finish()
    {
        lock (_process)
        {
            _process.StandardInput.Close();
        }

        _process.WaitForExit(TimeSpan.FromSeconds(10));
    }

    private static string Script()
    {
        using var reader = new StreamReader(typeof(Reaper).Assembly.GetManifestResourceStream("reaper.sh")!);
        return reader.ReadToEnd();
    }
}
