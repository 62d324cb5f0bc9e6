using System.Diagnostics;

namespace LocalServices.Internal;

/// <summary>Postgres and PgBouncer refuse to run as root: as root, every server runs as the postgres user instead.</summary>
internal static class ServiceUser
{
    private const string Name = "postgres";

    private static readonly Lazy<bool> Drops = new(() => Environment.IsPrivilegedProcess);

    /// <summary>The words to put before a command so that it runs as the service user; none for an ordinary user.</summary>
    public static string[] Prefix =>
        Drops.Value ? [Binaries.Find("setpriv"), $"--reuid={Name}", $"--regid={Name}", "--init-groups", "--"] : [];

    /// <summary>Creates a folder that belongs to the service user.</summary>
    public static async Task<string> CreateFolderAsync(string name, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(Reaper.Instance.Folder, $"{name}-{Guid.NewGuid().ToString("N")[..8]}");
        string[] owner = Drops.Value ? ["-o", Name, "-g", Name] : [];
        await RunAsync([Binaries.Find("install"), "-d", "-m", "0700", .. owner, folder], cancellationToken);
        return folder;
    }

    /// <summary>Runs a tool as the service user and returns what it printed.</summary>
    public static Task<string> RunAsServiceUserAsync(string[] command, CancellationToken cancellationToken) =>
        RunAsync([.. Prefix, .. command], cancellationToken);

    private static async Task<string> RunAsync(string[] command, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // The service user may not be allowed to stand where we stand.
            WorkingDirectory = "/",
        };
        using Process process = Process.Start(start)!;
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            string errors = await process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return process.ExitCode == 0
                ? await output
                : throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {errors}{await output}");
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
