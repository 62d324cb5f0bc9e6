namespace LocalServices;

/// <summary>Finds server programs on this machine.</summary>
public static class Binaries
{
    /// <summary>True when the program can be found.</summary>
    public static bool Has(string program) => Locate(program) is not null;

    /// <summary>The full path of a program.</summary>
    /// <exception cref="MissingServerException">The program is not on this machine.</exception>
    public static string Find(string program) => Locate(program) ?? throw new MissingServerException(program);

    private static string? Locate(string program) =>
        Folders().Select(folder => Path.Combine(folder, program)).FirstOrDefault(IsProgram);

    private static bool IsProgram(string path)
    {
        const UnixFileMode executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        try
        {
            return File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & executable) != 0);
        }
        catch (IOException)
        {
            return false; // a link that leads nowhere
        }
    }

    private static IEnumerable<string> Folders()
    {
        // Debian keeps postgres and initdb off the PATH, a folder per major version: newest first.
        const string debian = "/usr/lib/postgresql";
        if (Directory.Exists(debian))
        {
            IEnumerable<string> versions = Directory.GetDirectories(debian)
                .OrderByDescending(folder => int.TryParse(Path.GetFileName(folder), out int version) ? version : 0);
            foreach (string version in versions)
            {
                yield return Path.Combine(version, "bin");
            }
        }

        foreach (string folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            yield return folder;
        }

        foreach (string folder in (string[])["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"])
        {
            yield return folder;
        }
    }
}
