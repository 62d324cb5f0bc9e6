using System.CommandLine;
using LocalServices;
using TierDemo.Seed;
using TierDemo.Servers;

namespace TierDemo.Serve;

/// <summary><c>serve</c>: one tier of the API, until Ctrl-C.</summary>
internal static class ServeCommand
{
    private static readonly Option<int> TierOption = new("--tier") { Description = "1, 2, 3 or 4.", Required = true };

    private static readonly Option<int> PortOption = new("--port") { Description = "Port on loopback.", DefaultValueFactory = _ => 3000 };

    private static readonly Option<int?> WorkersOption = new("--workers")
    {
        Description = "Worker processes from tier 2 on. Default: one per core (the guide uses 8).",
    };

    private static readonly Option<bool> ShedOption = new("--shed")
    {
        Description = "Beyond what the tier can serve in time, refuse requests (503, Retry-After) instead of letting all of them wait.",
    };

    public static Command Create()
    {
        TierOption.AcceptOnlyFromAmong("1", "2", "3", "4");
        WorkersOption.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1 or > 64)
            {
                result.AddError("--workers must be between 1 and 64.");
            }
        });
        var command = new Command("serve", "Serve one tier of the users API.") { TierOption, PortOption, WorkersOption, ShedOption, SeedCommand.CountOption };
        foreach (Option option in BackendOptions.All)
        {
            command.Options.Add(option);
        }

        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        int tier = arguments.GetValue(TierOption);
        try
        {
            await using Backends backends = await Backends.StartAsync(BackendOptions.From(arguments), tier, Console.WriteLine, cancellationToken);
            if (!await Seeder.IsSeededAsync(backends.Settings, tier, cancellationToken))
            {
                await Seeder.SeedAsync(backends.Settings, tier, arguments.GetValue(SeedCommand.CountOption), Console.WriteLine, cancellationToken);
            }

            await using TierServer server = await TierServer.StartAsync(
                tier, arguments.GetValue(PortOption), arguments.GetValue(WorkersOption), backends.Settings, arguments.GetValue(ShedOption), cancellationToken);
            Console.WriteLine($"Tier {tier}     {server.Url}api/users  ({server.Workers} worker{(server.Workers == 1 ? ", one core" : "s")}); Ctrl-C ends");
            if (tier == 4)
            {
                // a string the user gave us may hold a password
                string primary = BackendOptions.From(arguments).Postgres is null ? $"\"{backends.Settings.Primary}\"" : "<as for serve>";
                Console.WriteLine($"One shard more, while it serves: add-shard --postgres {primary}");
            }

            await server.WaitForExitAsync(cancellationToken);
            Console.Error.WriteLine("A worker ended by itself.");
            return 1;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception exception) when (exception is MissingServerException or InvalidOperationException)
        {
            Console.Error.WriteLine(exception.Message);
            return 1;
        }
    }
}
