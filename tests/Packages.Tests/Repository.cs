namespace Packages.Tests;

/// <summary>The repository that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    public static string[] Packages { get; } =
        [.. Directory.GetFiles(Path.Combine(Root, "src"), "*.csproj", SearchOption.AllDirectories).Select(file => Path.GetFileNameWithoutExtension(file)).Order()];

    private static string FindRoot(string folder) =>
        File.Exists(Path.Combine(folder, "Scaling.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
