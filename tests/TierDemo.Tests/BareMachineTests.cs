namespace TierDemo.Tests;

/// <summary>What happens where servers are not installed.</summary>
public class BareMachineTests
{
    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Without_redis_server_it_is_Garnet_and_the_banner_says_so(int tier)
    {
        string[] bare = await BareMachine.WithoutAsync(BareMachine.Redis);
        await using TypedCommand serve = TypedCommand.Start([.. bare, "dotnet", TypedCommand.Program, "serve", "--tier", $"{tier}", "--port", "0", "--count", "1000"]);
        await serve.SaysAsync("Ctrl-C ends");

        Assert.Contains("Garnet inside this process", serve.Output, StringComparison.Ordinal);
        await ServedTier.EventuallyMissesThenHitsAsync(serve.Output); // tier 4's guard passes by a Redis that is slow, as Garnet is at first
        await serve.InterruptAsync();
        Assert.Equal(0, await serve.EndAsync());
        await serve.LeavesNothingAsync();
    }

    [Fact]
    public async Task Without_Postgres_every_command_ends_with_one_error_that_names_the_remedies()
    {
        string[] bare = await BareMachine.WithoutAsync([.. BareMachine.Postgres, .. BareMachine.Redis, .. BareMachine.PgBouncer]);
        foreach (string[] command in (string[][])[["serve", "--tier", "4", "--port", "0"], ["seed"], ["climb"]])
        {
            await using TypedCommand typed = TypedCommand.Start([.. bare, "dotnet", TypedCommand.Program, .. command]);

            Assert.Equal(1, await typed.EndAsync());
            string error = Assert.Single(typed.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains("apt-get install postgresql", error, StringComparison.Ordinal);
            Assert.Contains("--postgres", error, StringComparison.Ordinal);
            await typed.LeavesNothingAsync();
        }
    }
}
