using System.CommandLine;
using System.Diagnostics;
using Npgsql;
using TierDemo.Servers;

namespace TierDemo.Shards;

/// <summary><c>add-shard</c>: one more shard for a tier 4 that is serving.</summary>
internal static class AddShardCommand
{
    private static readonly Option<string?> ShardOption = new("--shard")
    {
        Description = "Connection string of an empty database for it. Not given: the next tierdemo_shard_N is made on the primary's server.",
    };

    public static Command Create()
    {
        var command = new Command("add-shard", "Add a shard to a tier 4 that is serving: move its share of the users there, or finish a move that was interrupted.")
        {
            BackendOptions.PostgresOption, ShardOption,
        };
        command.SetAction(async (arguments, cancellationToken) =>
        {
            if (BackendOptions.From(arguments).Postgres is not { } primary)
            {
                Console.Error.WriteLine("Which one? Give --postgres (serve --tier 4 prints it), or set ConnectionStrings__Postgres.");
                return 1;
            }

            try
            {
                var watch = Stopwatch.StartNew();
                AddedShard added = await new AddShard(primary, Console.WriteLine).RunAsync(arguments.GetValue(ShardOption), cancellationToken);
                Console.WriteLine($"{added.Name}: {added.Users:N0} users, in {watch.Elapsed.TotalSeconds:F1} s");
                return 0;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                Console.Error.WriteLine("Stopped; run it again to go on.");
                return 130;
            }
            catch (Exception exception) when (exception is InvalidOperationException or NpgsqlException)
            {
                Console.Error.WriteLine($"{exception.Message} Run it again to go on.");
                return 1;
            }
        });
        return command;
    }
}
