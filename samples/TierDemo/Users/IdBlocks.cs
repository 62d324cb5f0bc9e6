using Npgsql;

namespace TierDemo.Users;

/// <summary>
/// Hands out new user ids without a round trip each (hi/lo): one sequence value stands for a block of them.
/// A process that ends leaves a gap, as sequences do. Safe for all threads.
/// </summary>
internal sealed class IdBlocks(NpgsqlDataSource source) : IDisposable
{
    public const int Size = 1_000;

    private readonly SemaphoreSlim _refill = new(1);
    private Block _current = new(0, 0);

    public async ValueTask<long> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Block block = Volatile.Read(ref _current);
            if (block.TryTake(out long id))
            {
                return id;
            }

            await _refill.WaitAsync(cancellationToken);
            try
            {
                // 1. A and B both find the block empty. 2. A fetches the next one. 3. B enters and finds that it is no longer the one it saw.
                if (ReferenceEquals(block, _current))
                {
                    await using NpgsqlCommand command = source.CreateCommand("SELECT nextval('user_id_blocks')");
                    long first = (long)(await command.ExecuteScalarAsync(cancellationToken))!;
                    Volatile.Write(ref _current, new Block(first, first + Size));
                }
            }
            finally
            {
                _refill.Release();
            }
        }
    }

    public void Dispose() => _refill.Dispose();

    private sealed class Block(long first, long end)
    {
        private long _next = first;

        public bool TryTake(out long id) => (id = Interlocked.Increment(ref _next) - 1) < end;
    }
}
