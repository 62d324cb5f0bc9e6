namespace Scaling.Caching.Tests;

/// <summary>Callers that read ever new keys, one after the other each, until told to stop.</summary>
public sealed class Load : IAsyncDisposable
{
    private readonly CacheAside _cache;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task[] _callers;
    private int _keys;
    private int _failures;
    private int _reads;

    /// <param name="cache">Whom to ask.</param>
    /// <param name="callers">How many go on.</param>
    /// <param name="burst">How many ask once, all at the same time, in the beginning.</param>
    public Load(CacheAside cache, int callers, int burst)
    {
        _cache = cache;
        _callers = [.. Enumerable.Range(0, burst).Select(_ => Task.Run(ReadAsync)), .. Enumerable.Range(0, callers).Select(_ => Task.Run(GoOnAsync))];
    }

    public int Failures => Volatile.Read(ref _failures);

    public Task MoreAsync(int reads)
    {
        int goal = Volatile.Read(ref _reads) + reads;
        return Until.TrueAsync(() => Volatile.Read(ref _reads) >= goal, $"{reads} more reads");
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_callers).WaitAsync(Until.Patience);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task GoOnAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            await ReadAsync();
            await Task.Delay(1);
        }
    }

    private async Task ReadAsync()
    {
        int key = Interlocked.Increment(ref _keys);
        try
        {
            CacheResult<int> result = await _cache.GetOrLoadAsync($"load:{key}", _ => Task.FromResult(key));
            Assert.Equal(key, result.Value);
        }
        catch (Exception)
        {
            Interlocked.Increment(ref _failures);
        }

        Interlocked.Increment(ref _reads);
    }
}
