using System.CommandLine;
using System.Text.RegularExpressions;

namespace TierDemo.Tests;

/// <summary>A command that stands in a document is one that TierDemo understands.</summary>
public partial class DocumentationTests
{
    private static readonly string[] Documents = ["README.md", "CONTRIBUTING.md", "docs/ladder.md", "docs/index.md"];

    public static TheoryData<string> Typed => [.. Documents
        .Select(Repository.PathOf).Where(File.Exists).SelectMany(File.ReadLines).Select(line => line.Trim().Trim('`')).Where(line => Arguments(line) is not null).Distinct()];

    [Theory, MemberData(nameof(Typed))]
    public void A_documented_command_parses(string line)
    {
        ParseResult parsed = Commands.Create().Parse(Arguments(line)!);
        Assert.True(parsed.Errors.Count == 0, $"{line}: {string.Join("; ", parsed.Errors.Select(error => error.Message))}");
    }

    [Fact]
    public void Each_command_a_user_needs_is_documented_and_a_wrong_option_would_be_noticed()
    {
        string all = string.Join('\n', Typed.Select(row => row.Data));
        Assert.All(["./demo", "serve --tier", "load --url"], command => Assert.Contains(command, all, StringComparison.Ordinal));
        Assert.NotEmpty(Commands.Create().Parse(Arguments("dotnet run --project samples/TierDemo -c Release -- serve --teir 3")!).Errors);
    }

    /// <summary>What TierDemo would be given by this line of a shell; null for a line that is not about it.</summary>
    private static string? Arguments(string line)
    {
        string command = Comment().Replace(line, "");
        if (command.StartsWith("dotnet run --project samples/TierDemo", StringComparison.Ordinal))
        {
            int cut = command.IndexOf(" -- ", StringComparison.Ordinal);
            return cut < 0 ? "" : command[(cut + 4)..].Replace("[--", "--", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);
        }

        return command == "./demo" || command.StartsWith("./demo --", StringComparison.Ordinal) ? "climb" + command["./demo".Length..] : null;
    }

    [GeneratedRegex(@"\s+#.*$")]
    private static partial Regex Comment();
}
