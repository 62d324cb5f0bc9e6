using System.Globalization;

[assembly: AssemblyFixture(typeof(Packages.Tests.PackedPackages))]

namespace Packages.Tests;

/// <summary>Packs every project under src once, under a version that no cache has seen, into a temporary folder.</summary>
public sealed class PackedPackages : IAsyncLifetime
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("scaling-packages-").FullName;

    public string Version { get; } = string.Create(CultureInfo.InvariantCulture, $"0.1.0-test.{DateTime.UtcNow:yyyyMMddHHmmss}.{Environment.ProcessId}");

    public string PathOf(string package, string extension = "nupkg") => Path.Combine(Folder, $"{package}.{Version}.{extension}");

    public async ValueTask InitializeAsync()
    {
        foreach (string package in Repository.Packages)
        {
            string[] pack = ["dotnet", "pack", $"src/{package}", "--configuration", "Release", "--output", Folder, $"-p:PackageVersion={Version}"];
            await Command.RunAsync(Repository.Root, pack, TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }
}
