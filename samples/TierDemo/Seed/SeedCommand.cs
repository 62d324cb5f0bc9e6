using System.CommandLine;
using LocalServices;
using TierDemo.Servers;

namespace TierDemo.Seed;

/// <summary><c>seed</c>: fills an existing Postgres with users.</summary>
internal static class SeedCommand
{
    public static Option<int> CountOption { get; } = new("--count")
    {
        Description = "Users to insert.",
        DefaultValueFactory = _ => 10_000,
    };

    public static Command Create()
    {
        var command = new Command("seed", "Fill the users tables and say how fast it went. Without --postgres it shows the speed on a throw-away server.");
        command.Options.Add(CountOption);
        foreach (Option option in BackendOptions.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(async (result, cancellationToken) =>
        {
            try
            {
                await using Backends backends = await Backends.StartAsync(BackendOptions.From(result), highestTier: 2, Console.WriteLine, cancellationToken);
                await Seeder.SeedAsync(backends.Settings, 2, result.GetValue(CountOption), Console.WriteLine, cancellationToken);
                return 0;
            }
            catch (Exception exception) when (exception is MissingServerException or InvalidOperationException)
            {
                Console.Error.WriteLine(exception.Message);
                return 1;
            }
        });
        return command;
    }
}
