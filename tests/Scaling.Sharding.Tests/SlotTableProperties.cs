using FsCheck.Xunit;

namespace Scaling.Sharding.Tests;

/// <summary>Laws of <see cref="ShardMap"/> alone: its table, its history, its JSON, its plans.</summary>
public sealed class SlotTableProperties
{
    [Property(MaxTest = 60)]
    public void A_plan_holds_exactly_the_slots_whose_owner_differs_and_leads_from_one_map_to_the_other(byte n, int seed)
    {
        ShardMap from = History((n % 8) + 1, seed);
        ShardMap to = Change(from, new Random(seed), steps: 3);
        ShardPlan plan = ShardMap.Diff(from, to);

        Dictionary<int, string> owners = Owners(from);
        foreach (var move in plan.Moves)
        {
            Assert.NotEqual(move.From, move.To);
            for (int slot = move.First; slot <= move.Last; slot++)
            {
                // "From" is who has it now; a slot that was moved before would be on "To" already: disjoint
                Assert.Equal(move.From, owners[slot]);
                owners[slot] = move.To;
            }
        }

        Assert.Equal(Owners(to), owners);
    }

    [Property(MaxTest = 60)]
    public void Every_slot_has_one_owner_and_every_shard_its_quota_within_one_slot_for_equal_weights(byte n, int seed)
    {
        var map = new ShardMap(AllMaps.Shards((n % 60) + 1, seed, weighted: false));
        var random = new Random(seed);
        for (int step = 0; step < 4; step++)
        {
            map = random.Next(2) == 0 || map.Shards.Count == 1 ? map.Add($"extra-{step}") : map.Remove(map.Shards[random.Next(map.Shards.Count)]);
            int[] counts = [.. map.Shards.Select(shard => map.GetSlots(shard).Sum(range => range.Last - range.First + 1))];
            Assert.Equal(map.SlotCount, counts.Sum());
            Assert.InRange(counts.Max() - counts.Min(), 0, 1);
        }
    }

    [Property(MaxTest = 60)]
    public void Json_round_trips(byte n, int seed)
    {
        ShardMap map = Change(History((n % 8) + 1, seed), new Random(seed), steps: 2).Pin($"tenant:{seed}", "node-0");
        ShardMap read = ShardMap.FromJson(map.ToJson());
        Assert.Equal((map.Version, map.Fingerprint, map.ToJson()), (read.Version, read.Fingerprint, read.ToJson()));
        Assert.All(AllMaps.Keys(200, seed), key => Assert.Equal((map.GetShard(key), map.GetSlot(key)), (read.GetShard(key), read.GetSlot(key))));
        Assert.Equal(map.GetShard($"tenant:{seed}"), read.GetShard($"tenant:{seed}"));
    }

    [Property(MaxTest = 60)]
    public void Fingerprints_differ_when_a_route_differs_and_agree_when_none_does(byte n, int seed)
    {
        ShardMap one = History((n % 8) + 1, seed);
        ShardMap other = Change(one, new Random(seed), steps: 1);
        if (ShardMap.Diff(one, other).Moves.Count > 0)
        {
            Assert.NotEqual(one.Fingerprint, other.Fingerprint);
        }

        Assert.Equal(one.Fingerprint, one.Pin(7, "node-0").Unpin(7).Fingerprint);
        Assert.NotEqual(one.Fingerprint, one.Pin(7, "node-0").Fingerprint);
    }

    [Property(MaxTest = 60)]
    public void The_slot_of_a_key_never_changes(byte n, int seed)
    {
        ShardMap map = History((n % 8) + 1, seed);
        ShardMap later = Change(map, new Random(seed), steps: 5);
        Assert.All(AllMaps.Keys(100, seed), key => Assert.Equal(map.GetSlot(key), later.GetSlot(key)));
    }

    private static ShardMap History(int shards, int seed) => Change(new ShardMap(AllMaps.Shards(shards, seed)), new Random(seed), steps: 2);

    /// <summary>Adds and removes shards, but never node-0.</summary>
    private static ShardMap Change(ShardMap map, Random random, int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            string[] removable = [.. map.Shards.Where(name => name != "node-0")];
            map = random.Next(3) > 0 || removable.Length == 0
                ? map.Add(new Shard($"extra-{map.Version}", random.Next(1, 5)))
                : map.Remove(removable[random.Next(removable.Length)]);
        }

        return map;
    }

    private static Dictionary<int, string> Owners(ShardMap map) => map.Shards
        .SelectMany(shard => map.GetSlots(shard).SelectMany(range => Enumerable.Range(range.First, range.Last - range.First + 1)).Select(slot => (slot, shard)))
        .ToDictionary(pair => pair.slot, pair => pair.shard);
}
