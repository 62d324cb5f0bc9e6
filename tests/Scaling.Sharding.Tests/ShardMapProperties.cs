using FsCheck.Xunit;

namespace Scaling.Sharding.Tests;

/// <summary>Laws of every map.</summary>
public sealed class ShardMapProperties
{
    [Property(MaxTest = 40)]
    public void The_order_in_which_shards_are_listed_changes_no_route(byte n, int seed)
    {
        Shard[] shards = AllMaps.Shards((n % 12) + 1, seed);
        Shard[] shuffled = [.. shards];
        new Random(seed).Shuffle(shuffled);
        foreach ((IShardMap one, IShardMap other) in AllMaps.Of(shards).Zip(AllMaps.Of(shuffled)))
        {
            Assert.All(AllMaps.Keys(300, seed), key => Assert.Equal(one.GetShard(key), other.GetShard(key)));
        }
    }

    [Property(MaxTest = 40)]
    public void A_new_shard_takes_keys_and_nobody_else_does(byte n, int seed)
    {
        Shard[] shards = AllMaps.Shards((n % 12) + 2, seed);
        Shard added = shards[^1];
        double share = (double)added.Weight / shards.Sum(shard => shard.Weight);
        foreach ((IShardMap before, IShardMap after) in Grown(shards))
        {
            ShardKey[] moved = [.. AllMaps.Keys(2_000, seed).Where(key => before.GetShard(key) != after.GetShard(key))];
            if (before is MaglevMap)
            {
                continue; // documented: it also moves some keys between shards that stay
            }

            Assert.All(moved, key => Assert.Equal(added.Name, after.GetShard(key)));

            // four standard deviations of the sample, and of the ring's own unevenness
            double slack = (4 * Math.Sqrt(2_000 * share * (1 - share))) + (before is HashRing ? 2_000 * share * 4 / Math.Sqrt(512 * added.Weight) : 2);
            Assert.InRange(moved.Length, 0, (2_000 * share) + slack);
        }
    }

    [Property(MaxTest = 40)]
    public void A_shard_that_leaves_moves_its_own_keys_only(byte n, int seed)
    {
        Shard[] shards = AllMaps.Shards((n % 12) + 2, seed);
        string leaving = shards[new Random(seed).Next(shards.Length)].Name;
        Shard[] rest = [.. shards.Where(shard => shard.Name != leaving)];
        (IShardMap, IShardMap)[] pairs = [
            (new HashRing(shards), new HashRing(rest)),
            (new RendezvousMap(shards), new RendezvousMap(rest)),
            (new ShardMap(shards), new ShardMap(shards).Remove(leaving))];
        foreach ((IShardMap before, IShardMap after) in pairs)
        {
            Assert.All(
                AllMaps.Keys(500, seed).Where(key => before.GetShard(key) != after.GetShard(key)),
                key => Assert.Equal(leaving, before.GetShard(key)));
        }
    }

    [Property(MaxTest = 40)]
    public void Replicas_are_distinct_begin_with_the_owner_and_spread_over_zones(byte n, byte copies, int seed)
    {
        Shard[] shards = AllMaps.Shards((n % 9) + 1, seed);
        int zones = shards.Select(shard => shard.Zone ?? shard.Name).Distinct().Count();
        var replicas = new string[copies % 6];
        foreach (IShardMap map in AllMaps.Of(shards))
        {
            foreach (ShardKey key in AllMaps.Keys(50, seed))
            {
                int count = map.GetReplicas(key, replicas);
                string[] written = replicas[..count];
                Assert.Equal(Math.Min(replicas.Length, shards.Length), count);
                Assert.Equal(written, written.Distinct());
                Assert.Equal(written.Take(1), count == 0 ? [] : [map.GetShard(key)]);
                Assert.Equal(Math.Min(count, zones), written.Select(name => shards.Single(shard => shard.Name == name)).Select(shard => shard.Zone ?? shard.Name).Distinct().Count());
            }
        }
    }

    [Property(MaxTest = 20)]
    public void Shares_follow_weights_within_four_standard_deviations(byte n, int seed)
    {
        const int keys = 20_000;
        Shard[] shards = AllMaps.Shards((n % 6) + 2, seed);
        double total = shards.Sum(shard => shard.Weight);
        foreach (IShardMap map in AllMaps.Of(shards))
        {
            ILookup<string, string> byShard = AllMaps.Keys(keys, seed).Select(map.GetShard).ToLookup(name => name);
            foreach (Shard shard in shards)
            {
                double p = shard.Weight / total;
                double mean = keys * p;
                double deviation = Math.Sqrt(mean * (1 - p)) + map switch
                {
                    HashRing => mean / Math.Sqrt(512 * shard.Weight),
                    MaglevMap => keys * 2.0 / 65_537,
                    _ => keys / 16_384.0,
                };
                Assert.InRange(byShard[shard.Name].Count(), mean - (4 * deviation), mean + (4 * deviation));
            }
        }
    }

    private static IEnumerable<(IShardMap Before, IShardMap After)> Grown(Shard[] shards)
    {
        foreach ((string kind, Func<IEnumerable<Shard>, IShardMap> create) in AllMaps.Kinds)
        {
            if (kind == "ShardMap")
            {
                var before = new ShardMap(shards[..^1]);
                yield return (before, before.Add(shards[^1]));
            }
            else if (kind != "JumpMap" || shards.All(shard => shard.Weight == shards[0].Weight))
            {
                yield return (create(shards[..^1]), create(shards));
            }
        }
    }
}
