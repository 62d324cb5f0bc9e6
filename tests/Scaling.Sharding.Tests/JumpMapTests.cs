namespace Scaling.Sharding.Tests;

public sealed class JumpMapTests
{
    [Fact]
    public void Ten_comes_after_nine() =>
        Assert.Equal(["pg-1", "pg-2", "pg-9", "pg-10"], new JumpMap(["pg-10", "pg-9", "pg-1", "pg-2"]).Shards);

    [Fact]
    public void A_shard_in_the_middle_cannot_leave()
    {
        var map = new JumpMap(["pg-0", "pg-1", "pg-2"]);
        Assert.Contains("pg-2", Assert.Throws<NotSupportedException>(() => map.Remove("pg-1")).Message, StringComparison.Ordinal);
        Assert.Equal(["pg-0", "pg-1"], map.Remove("pg-2").Shards);
    }

    [Fact]
    public void A_shard_that_sorts_before_the_last_cannot_join()
    {
        var map = new JumpMap(["pg-0", "pg-2"]);
        Assert.Throws<NotSupportedException>(() => map.Add("pg-1"));
        Assert.Equal(["pg-0", "pg-2", "pg-10"], map.Add("pg-10").Shards);
    }

    [Fact]
    public void Weights_are_refused() => Assert.Throws<ArgumentException>(() => new JumpMap([new Shard("a", 1), new Shard("b", 2)]));
}
