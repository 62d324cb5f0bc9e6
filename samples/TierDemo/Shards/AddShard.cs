using Npgsql;
using Scaling.Sharding;
using TierDemo.Seed;
using TierDemo.Servers;
using TierDemo.Users;

namespace TierDemo.Shards;

/// <summary>What adding a shard did.</summary>
/// <param name="Name">The new shard.</param>
/// <param name="Users">Users on the new shard.</param>
/// <param name="Pauses">For each shard that gave users away: how long its writers waited.</param>
internal sealed record AddedShard(string Name, long Users, IReadOnlyList<TimeSpan> Pauses);

/// <summary>Adds a shard to tier 4 while it serves, or finishes what an earlier run left when it died.</summary>
/// <param name="primary">Connection string of the primary, direct: a move holds locks for as long as its sessions last, which PgBouncer does not keep.</param>
/// <param name="say">Hears how it goes, a line at a time.</param>
internal sealed class AddShard(string primary, Action<string> say)
{
    /// <summary>Held at the primary by whoever adds a shard.</summary>
    private const long Lock = 0x5469_6572_4465_6d6f;

    private readonly ShardDirectory _directory = new(primary);

    /// <param name="database">Connection string of an empty database; null makes one on the primary's server.</param>
    /// <param name="cancellationToken">Stops; run it again to go on.</param>
    /// <exception cref="InvalidOperationException">Nothing was seeded, somebody else adds a shard, or the database is in use.</exception>
    public async Task<AddedShard> RunAsync(string? database, CancellationToken cancellationToken)
    {
        await using var alone = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(primary) { Pooling = false }.ConnectionString);
        await alone.OpenAsync(cancellationToken);
        await using (var take = new NpgsqlCommand($"SELECT pg_try_advisory_lock({Lock})", alone))
        {
            if (await take.ExecuteScalarAsync(cancellationToken) is not true)
            {
                throw new InvalidOperationException("Somebody else is adding a shard; one at a time.");
            }
        }

        var addresses = new Dictionary<string, string>(await _directory.ReadAsync(cancellationToken));
        if (addresses.Count == 0)
        {
            throw new InvalidOperationException("This Postgres has no shards: serve tier 4 on it first.");
        }

        var sources = addresses.ToDictionary(shard => shard.Key, shard => NpgsqlDataSource.Create(shard.Value));
        try
        {
            ShardPlan plan = await ShardMove.FindUnfinishedAsync(sources.Values, cancellationToken)
                ?? await PlanAsync(sources, database, cancellationToken);
            return await MoveAsync(plan, sources, cancellationToken);
        }
        finally
        {
            foreach (NpgsqlDataSource source in sources.Values)
            {
                await source.DisposeAsync();
            }
        }
    }

    /// <summary>Makes the new shard ready to take users: table, fence, place in the directory, in this order. Until the last, a run that dies has done nothing.</summary>
    private async Task<ShardPlan> PlanAsync(Dictionary<string, NpgsqlDataSource> sources, string? database, CancellationToken cancellationToken)
    {
        ShardMap map = await ShardFence.LoadMapAsync(sources.Values, cancellationToken);
        string? ready = sources.Keys.FirstOrDefault(name => !map.Shards.Contains(name)); // by a run that died just before it began to move
        string name = ready ?? UserShards.Name(sources.Count);
        if (ready is null)
        {
            string address = _directory.Checked(database ?? await PostgresBackend.EnsureDatabaseAsync(primary, UserShards.Database(sources.Count), cancellationToken));
            if (sources.Values.Any(source => IsSame(source.ConnectionString, address)))
            {
                throw new InvalidOperationException("That database is a shard already.");
            }

            sources[name] = NpgsqlDataSource.Create(address);
            await Seeder.PrepareShardAsync(sources[name], name, map, [], cancellationToken);
            await _directory.AddAsync(name, address, cancellationToken);
        }

        return ShardMap.Diff(map, map.Add(name));
    }

    private async Task<AddedShard> MoveAsync(ShardPlan plan, Dictionary<string, NpgsqlDataSource> sources, CancellationToken cancellationToken)
    {
        string name = plan.To.Shards.Except(plan.From.Shards).Single();
        say($"{name}: takes {plan.Moves.Sum(move => move.Last - move.First + 1):N0} of {plan.To.SlotCount:N0} slots from {plan.From.Shards.Count} shards");
        var progress = new Progress(say);
        var move = new ShardMove(plan, shard => sources[shard], new ShardMoveOptions { Tables = { UserShards.Table }, Progress = progress });

        // Nobody needs to be told: the workers ask for the map when a shard refuses a write, and once a second.
        await move.RunAsync(cancellationToken: cancellationToken);
        await using NpgsqlCommand count = sources[name].CreateCommand("SELECT count(*) FROM users");
        return new AddedShard(name, (long)(await count.ExecuteScalarAsync(cancellationToken))!, progress.Pauses);
    }

    private static bool IsSame(string left, string right)
    {
        static (string?, int, string?) Place(string connectionString)
        {
            var parts = new NpgsqlConnectionStringBuilder(connectionString);
            return (parts.Host, parts.Port, parts.Database);
        }

        return Place(left) == Place(right);
    }

    private sealed class Progress(Action<string> say) : IProgress<ShardMoveProgress>
    {
        private (string From, ShardMovePhase Phase)? _last;

        public List<TimeSpan> Pauses { get; } = [];

        public void Report(ShardMoveProgress value)
        {
            if (value.Pause is { } pause)
            {
                Pauses.Add(pause);
                say($"{value.From} → {value.To}: cut over; writers of {value.From} waited {pause.TotalMilliseconds:F0} ms");
            }
            else if (_last != (value.From, value.Phase))
            {
                say($"{value.From} → {value.To}: {Word(value.Phase)} …");
            }

            _last = (value.From, value.Phase);
        }

        private static string Word(ShardMovePhase phase) => phase switch
        {
            ShardMovePhase.Copy => "copying",
            ShardMovePhase.CatchUp => "catching up",
            ShardMovePhase.Verify => "comparing",
            _ => "cleaning up",
        };
    }
}
