namespace Scaling.Sharding;

/// <summary>What one shard answered: a value or an error, never neither.</summary>
/// <typeparam name="TResult">The type of the value.</typeparam>
public sealed class ShardResult<TResult>
{
    private readonly TResult? _value;

    internal ShardResult(string shard, TResult value) => (Shard, _value) = (shard, value);

    internal ShardResult(string shard, ShardException error) => (Shard, Error) = (shard, error);

    /// <summary>The name of the shard.</summary>
    public string Shard { get; }

    /// <summary>Why the shard has no answer, or null.</summary>
    public ShardException? Error { get; }

    /// <summary>The answer of the shard.</summary>
    /// <exception cref="ShardException">The shard has none: <see cref="Error"/>.</exception>
    public TResult Value => Error is null ? _value! : throw Error;
}
