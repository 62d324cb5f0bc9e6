namespace Scaling.Sharding.Tests;

public sealed class ShardMapTests
{
    [Fact]
    public void A_pinned_key_has_a_slot_of_its_own_and_no_other_key_moves()
    {
        var map = new ShardMap(["a", "b", "c"]);
        ShardMap pinned = map.Pin("tenant:hot", "c").Pin("tenant:vip", "a");
        Assert.Equal("c", pinned.GetShard("tenant:hot"));
        Assert.Equal("a", pinned.GetShard("tenant:vip"));
        Assert.Equal((map.SlotCount, map.SlotCount + 1), (pinned.GetSlot("tenant:hot"), pinned.GetSlot("tenant:vip")));
        Assert.All(AllMaps.Keys(5_000, 1), key => Assert.Equal((map.GetShard(key), map.GetSlot(key)), (pinned.GetShard(key), pinned.GetSlot(key))));
        Assert.Equal(map.SlotCount + 1, pinned.Unpin("tenant:hot").GetSlot("tenant:vip"));
    }

    [Fact]
    public void A_shard_with_a_pinned_key_cannot_leave() =>
        Assert.Contains("pinned", Assert.Throws<ArgumentException>(() => new ShardMap(["a", "b"]).Pin(1, "b").Remove("b")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_shard_too_light_to_own_a_slot_is_refused_but_weight_zero_is_taken_at_its_word()
    {
        Assert.Throws<ArgumentException>(() => new ShardMap([new Shard("a", 1_000_000), new Shard("b", 1)]));
        var drained = new ShardMap(["a", "b"]).With(["a", new Shard("b", 0)]);
        Assert.Empty(drained.GetSlots("b"));
        Assert.Equal(1, drained.GetReplicas(1, new string[2]));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("not json")]
    public void What_is_no_map_is_a_format_error(string json) => Assert.Throws<FormatException>(() => ShardMap.FromJson(json));

    [Theory]
    [InlineData("\"format\":1", "\"format\":2")]
    [InlineData("0-8191", "0-8190")] // a slot without an owner
    [InlineData("0-8191", "0-8192")] // a slot with two
    [InlineData("8192-16383", "8192-16384")]
    [InlineData("\"weight\":1", "\"weight\":2")]
    [InlineData("\"name\":\"b\"", "\"name\":\"c\"")] // the fingerprint notices
    public void A_damaged_map_is_a_format_error(string intact, string damaged)
    {
        string json = new ShardMap(["a", "b"]).ToJson();
        Assert.Contains(intact, json, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => ShardMap.FromJson(json.Replace(intact, damaged, StringComparison.Ordinal)));
    }

    [Fact]
    public void Maps_that_count_slots_differently_have_no_plan() =>
        Assert.Throws<ArgumentException>(() => ShardMap.Diff(new ShardMap(["a"]), new ShardMap(["a"], 1024)));

    [Fact]
    public void One_slot_pinned_to_two_keys_has_no_plan()
    {
        ShardMap first = new ShardMap(["a", "b"]).Pin(1, "a");
        Assert.Throws<ArgumentException>(() => ShardMap.Diff(first, first.Unpin(1).Pin(2, "b")));
    }

    [Fact]
    public void Routing_allocates_nothing()
    {
        IShardMap[] maps = [.. AllMaps.Of(AllMaps.Shards(5, 1, weighted: false)), .. AllMaps.Of(AllMaps.Shards(5, 1))];
        var replicas = new string[3];
        foreach (IShardMap map in maps)
        {
            // A collection on another thread charges this one for the rest of its allocation buffer: the least of a few runs is the truth.
            Route(map, replicas, 10);
            Assert.Equal(0, Enumerable.Range(0, 5).Min(_ =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                Route(map, replicas, 1_000);
                return GC.GetAllocatedBytesForCurrentThread() - before;
            }));
        }

        static void Route(IShardMap map, string[] replicas, int times)
        {
            for (int i = 0; i < times; i++)
            {
                map.GetShard("user:42");
                map.GetShard(i);
                map.GetReplicas(i, replicas);
            }
        }
    }
}
