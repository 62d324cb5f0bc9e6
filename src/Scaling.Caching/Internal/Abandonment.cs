using System.Diagnostics.CodeAnalysis;

namespace Scaling.Caching.Internal;

/// <summary>
/// A token that is cancelled when all of the given ones are: what many want is given up only when all have given it up. The registrations are never taken
/// back: callbacks run last in, first out, so whoever else is told of the last cancellation may be done with this before it has heard itself.
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "The source has neither timer nor parent, so there is nothing to free.")]
internal sealed class Abandonment
{
    private readonly CancellationTokenSource _source = new();
    private int _left;

    public Abandonment(CancellationToken[] tokens)
    {
        _left = tokens.Length;
        foreach (CancellationToken token in tokens)
        {
            token.UnsafeRegister(static all => ((Abandonment)all!).OnCancelled(), this);
        }
    }

    public CancellationToken Token => _source.Token;

    private void OnCancelled()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _source.Cancel();
        }
    }
}
