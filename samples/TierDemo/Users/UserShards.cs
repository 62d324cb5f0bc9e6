using Scaling.Sharding;

namespace TierDemo.Users;

/// <summary>Which shard a user lives on: the shard key is the user's id.</summary>
public static class UserShards
{
    public static string Name(int index) => $"pg-{index}";

    public static int Index(string name) => int.Parse(name.AsSpan("pg-".Length), System.Globalization.CultureInfo.InvariantCulture);

    public static ShardMap Map(int count) => new(Enumerable.Range(0, count).Select(index => new Shard(Name(index))));
}
