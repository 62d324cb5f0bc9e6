namespace TierDemo.Tests;

/// <summary>Who runs, from /proc.</summary>
internal static class ProcessTable
{
    /// <summary>The command lines of all processes with this TMPDIR: whatever a command starts inherits it, or has a folder below it.</summary>
    public static List<string> With(string temp) =>
        [.. Ids().Where(id => Read(id, "environ").Contains($"TMPDIR={temp}", StringComparison.Ordinal)).Select(id => Read(id, "cmdline").Replace('\0', ' ')).Where(line => line.Length > 0)];

    private static IEnumerable<int> Ids() =>
        Directory.GetDirectories("/proc").Select(folder => int.TryParse(Path.GetFileName(folder), out int id) ? id : 0).Where(id => id > 0);

    private static string Read(int id, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/{file}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
