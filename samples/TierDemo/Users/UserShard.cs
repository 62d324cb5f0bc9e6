using Npgsql;
using Scaling.Batching;

namespace TierDemo.Users;

/// <summary>One shard: its connections, and the batcher that gathers the new users bound for it.</summary>
internal sealed class UserShard : IAsyncDisposable
{
    private readonly WriteBatcher<User> _writer;

    public UserShard(NpgsqlDataSource source, Func<long, int> slotOf)
    {
        Source = source;
        PostgresInsert<User> insert = new PostgresInsert<User>("users")
            .Column("id", user => user.Id)
            .Column("slot", user => slotOf(user.Id))
            .Column("name", user => user.Name)
            .Column("email", user => user.Email)
            .Column("created_at", user => user.CreatedAt);
        _writer = new WriteBatcher<User>(
            (users, token) =>
            {
                DemoMetrics.DbQueries.Inc();
                return insert.ExecuteAsync(source, users, token);
            },
            // The guide's numbers. The window closes early when nobody else comes, so few callers never wait out the 50 ms.
            new WriteBatcherOptions { MaxBatchSize = 100, MaxDelay = TimeSpan.FromMilliseconds(50) });
    }

    public NpgsqlDataSource Source { get; }

    /// <summary>
    /// Completes when the user is committed here. If the slot of one user in the batch has moved away, the shard's fence undoes the whole
    /// statement and every caller of the batch is refused: nothing is written twice when each asks for the owner again.
    /// </summary>
    public ValueTask WriteAsync(User user, CancellationToken cancellationToken) => _writer.WriteAsync(user, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await Source.DisposeAsync();
    }
}
