namespace Scaling.Sharding;

/// <summary>A shard failed, timed out, or answered what it must not; says which one.</summary>
public sealed class ShardException : Exception
{
    internal ShardException(string shard, string message, Exception? inner = null)
        : base($"Shard '{shard}': {message}", inner) => Shard = shard;

    /// <summary>The name of the shard.</summary>
    public string Shard { get; }
}
