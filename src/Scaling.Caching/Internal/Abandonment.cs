namespace Scaling.Caching.Internal;

/// <summary>A token that is cancelled when all of the given ones are: what many want is given up only when all have given it up.</summary>
internal sealed class Abandonment : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly CancellationTokenRegistration[] _registrations;
    private int _left;

    public Abandonment(CancellationToken[] tokens)
    {
        _left = tokens.Length;
        _registrations = Array.ConvertAll(tokens, token => token.UnsafeRegister(static all => ((Abandonment)all!).OnCancelled(), this));
    }

    public CancellationToken Token => _source.Token;

    // the source has neither timer nor parent, so it needs no disposal, and a load that goes on may still ask its token
    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());

    private void OnCancelled()
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            _source.Cancel();
        }
    }
}
