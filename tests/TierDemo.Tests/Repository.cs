namespace TierDemo.Tests;

/// <summary>The repository that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    public static string PathOf(string file) => Path.Combine(Root, file);

    private static string FindRoot(string folder) =>
        File.Exists(Path.Combine(folder, "Scaling.sln")) ? folder : FindRoot(Path.GetDirectoryName(folder)!);
}
