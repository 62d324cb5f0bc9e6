namespace TierDemo.Tests;

/// <summary>A folder at the front of the PATH with programs that stand in for real ones.</summary>
internal sealed class StubPrograms : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("stubs-").FullName;

    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string> { ["PATH"] = $"{_folder}:{System.Environment.GetEnvironmentVariable("PATH")}" };

    public string Folder => _folder;

    public void Add(string name, string script)
    {
        string file = Path.Combine(_folder, name);
        File.WriteAllText(file, "#!/bin/bash\n" + script);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, (UnixFileMode)0b111_101_101);
        }
    }

    /// <summary>The program that a stub stands in for.</summary>
    public static string Real(string name) =>
        System.Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, name)).First(File.Exists);

    /// <summary>Writes down its arguments, one call a line with tabs between them.</summary>
    public void AddRecorder(string name, string before = ":") => Add(name, $$"""
        {{before}}
        (IFS=$'\t'; printf '%s\n' "$*") >>"{{Log(name)}}"
        """);

    public IReadOnlyList<string[]> Calls(string name) => File.Exists(Log(name)) ? [.. File.ReadLines(Log(name)).Select(line => line.Split('\t'))] : [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Log(string name) => Path.Combine(_folder, $"{name}.calls");
}
