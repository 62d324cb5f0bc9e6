using System.Diagnostics;
using Npgsql;
using TierDemo.Load;
using TierDemo.Servers;
using TierDemo.Shards;
using TierDemo.Users;

namespace TierDemo.Climb;

/// <summary>What callers noticed while tier 4 got one more shard.</summary>
/// <param name="Shard">The new shard, and how many users went there.</param>
/// <param name="Took">How long the move took; it waits 5 s for late readers before it clears up behind each shard.</param>
/// <param name="P99">Of all requests meanwhile.</param>
/// <param name="Requests">All requests of the load.</param>
/// <param name="Failed">Those that failed or could not even be sent.</param>
/// <param name="Wrong">Users lost, or on two shards.</param>
internal sealed record ShardAdded(AddedShard Shard, TimeSpan Took, TimeSpan P99, long Requests, long Failed, long Wrong)
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(20);

    public const double Rate = 300;

    public bool Unnoticed => this is { Failed: 0, Wrong: 0 };

    /// <summary>Adds a shard under steady reads, lists and writes, and counts the users before and after.</summary>
    public static async Task<ShardAdded> RunAsync(BackendSettings settings, Uri url, int users, CancellationToken cancellationToken)
    {
        var directory = new ShardDirectory(settings.Primary);
        (long before, _) = await CountAsync(directory, cancellationToken);
        var plan = new LoadPlan(url, GuideTraffic.Mix(users)) { Connections = 50, Duration = Length, Rate = Rate };
        (LoadResult result, (AddedShard shard, TimeSpan took)) = await LoadMeanwhile.RunAsync(
            plan,
            async () =>
            {
                await Task.Delay(TimeSpan.FromSeconds(2), cancellationToken);
                var watch = Stopwatch.StartNew();
                AddedShard added = await new AddShard(settings.Primary, line => Console.WriteLine($"  {line}")).RunAsync(null, cancellationToken);
                return (added, watch.Elapsed);
            },
            cancellationToken);
        (long after, long distinct) = await CountAsync(directory, cancellationToken);
        long created = result.Statuses.GetValueOrDefault(StatusCodes.Status201Created);
        return new ShardAdded(
            shard, took, result.Latency.P99, result.Requests + result.Unsent, result.ErrorCount + result.Unsent, Math.Abs(before + created - distinct) + (after - distinct));
    }

    public override string ToString() =>
        $"{Shard.Name} took {Shard.Users:N0} users in {Text.Of(Took)}; writers waited {string.Join(", ", Shard.Pauses.Select(Text.Of))}; p99 {Text.Of(P99)}; {Failed:N0} of {Requests:N0} failed; {Wrong:N0} users lost or doubled";

    private static async Task<(long Rows, long Users)> CountAsync(ShardDirectory directory, CancellationToken cancellationToken)
    {
        var ids = new HashSet<long>();
        long rows = 0;
        foreach (string shard in (await directory.ReadAsync(cancellationToken)).Values)
        {
            await using var source = NpgsqlDataSource.Create(shard);
            await using NpgsqlCommand command = source.CreateCommand("SELECT id FROM users");
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                ids.Add(reader.GetInt64(0));
                rows++;
            }
        }

        return (rows, ids.Count);
    }
}
