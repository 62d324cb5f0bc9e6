using System.CommandLine;
using System.Diagnostics;
using LocalServices;
using TierDemo.Seed;
using TierDemo.Servers;

namespace TierDemo.Climb;

/// <summary><c>climb</c>: all four tiers under load, and what each bought.</summary>
internal static class ClimbCommand
{
    private static readonly Option<int> PortOption = new("--port") { Description = "Port on loopback; 0 takes a free one.", DefaultValueFactory = _ => 0 };

    private static readonly Option<double> SecondsOption = new("--seconds")
    {
        Description = "Length of one measurement; the other phases keep their proportion to it.",
        DefaultValueFactory = _ => 3,
    };

    public static Command Create()
    {
        SecondsOption.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0.2 and <= 120))
            {
                result.AddError("--seconds must be between 0.2 and 120.");
            }
        });
        var command = new Command("climb", "Climb tiers 1 to 4 under load, kill Redis on the way, and print what each tier bought.")
        {
            PortOption, SecondsOption, SeedCommand.CountOption,
        };
        foreach (Option option in BackendOptions.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        try
        {
            int count = arguments.GetValue(SeedCommand.CountOption);
            await using Backends backends = await Backends.StartAsync(BackendOptions.From(arguments), 4, Console.WriteLine, cancellationToken);
            await Seeder.SeedAsync(backends.Settings, 4, count, Console.WriteLine, cancellationToken);
            var ladder = new Ladder(backends, count, arguments.GetValue(PortOption), TimeSpan.FromSeconds(arguments.GetValue(SecondsOption)), cancellationToken);
            for (int tier = 1; tier <= 4; tier++)
            {
                await ladder.ClimbAsync(tier);
            }

            ClimbReport.Print(ladder);
            Console.WriteLine($"Climbed in {watch.Elapsed.TotalSeconds:F0} s.");
            return ClimbReport.ExitCode(ladder.Rows, ladder.Tier4Outage, backends.CanStopRedis);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C reaches the servers as well: whatever failed last, it failed because of that.
            Console.Error.WriteLine("Stopped.");
            return 130;
        }
        catch (Exception exception) when (exception is MissingServerException or InvalidOperationException)
        {
            Console.Error.WriteLine(exception.Message);
            return 1;
        }
    }
}
