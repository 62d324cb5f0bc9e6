namespace Packages.Tests;

public class RepositoryTests
{
    public static TheoryData<string> Forbidden =>
    [
        // written in two halves, so that this file does not find itself
        "nuget" + @"\.org", "pkgs" + @"\.dev", "npm" + @"js\.(com|org)", "pypi" + @"\.org",
        "(^|[^a-zA-Z0-9_.~/-])/" + "(work|home|root|Users)/", @"[A-Z]:" + @"\\\\?Users",
    ];

    [Theory, MemberData(nameof(Forbidden))]
    public async Task No_file_names_a_package_registry_or_a_path_of_one_machine(string pattern)
    {
        (int exitCode, string found) = await Command.TryRunAsync(
            Repository.Root, ["git", "grep", "-nIE", "-e", pattern], TestContext.Current.CancellationToken);

        Assert.True(exitCode == 1, $"git grep ended with {exitCode}:\n{found}");   // 1: nothing found
    }

    [Fact]
    public void Every_source_file_of_a_package_fits_in_250_lines()
    {
        IEnumerable<string> tooLong = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Select(file => (Name: Path.GetRelativePath(Repository.Root, file), Lines: File.ReadLines(file).Count()))
            .Where(file => file.Lines > 250)
            .Select(file => $"{file.Name}: {file.Lines}");

        Assert.Empty(tooLong);
    }
}
