using Npgsql;

namespace Scaling.Sharding.Internal;

/// <summary>The mover's connections to both sides of a step, recognised by the fence and alone on both databases.</summary>
internal sealed class MoveSession : IAsyncDisposable
{
    private const string Settings = """
        set scaling_sharding.mover = 'on'; set timezone = 'UTC'; set datestyle = 'ISO'; set intervalstyle = 'postgres';
        set extra_float_digits = 1; set bytea_output = 'hex'; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
        """;

    private readonly NpgsqlDataSource _sourceData;
    private readonly NpgsqlDataSource _targetData;

    private MoveSession(MoveStep step, NpgsqlDataSource sourceData, NpgsqlDataSource targetData, NpgsqlConnection source, NpgsqlConnection target) =>
        (Step, _sourceData, _targetData, Source, Target) = (step, sourceData, targetData, source, target);

    public MoveStep Step { get; }

    public NpgsqlConnection Source { get; }

    public NpgsqlConnection Target { get; }

    public required ShardMoveOptions Options { get; init; }

    public required TimeProvider Time { get; init; }

    public IReadOnlyList<MovingTable> Tables { get; private set; } = [];

    public static async Task<MoveSession> OpenAsync(MoveStep step, Func<string, NpgsqlDataSource> dataSource, ShardMoveOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        (NpgsqlDataSource from, NpgsqlDataSource to) = (dataSource(step.From), dataSource(step.To));
        NpgsqlConnection source = await ConnectAsync(from, step.From, cancellationToken).ConfigureAwait(false);
        try
        {
            NpgsqlConnection target = await ConnectAsync(to, step.To, cancellationToken).ConfigureAwait(false);
            var session = new MoveSession(step, from, to, source, target) { Options = options, Time = time };
            try
            {
                var tables = new List<MovingTable>();
                foreach (string table in options.Tables)
                {
                    tables.Add(await MovingTable.DescribeAsync(source, table, options.SlotColumn, cancellationToken).ConfigureAwait(false));
                    await target.RunAsync(tables[^1].CreateDelta, cancellationToken).ConfigureAwait(false);
                }

                session.Tables = tables;
                return session;
            }
            catch
            {
                await LetGoAsync(target).ConfigureAwait(false);
                throw;
            }
        }
        catch
        {
            await LetGoAsync(source).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A second connection to each side, for reading snapshots.</summary>
    public async Task<(NpgsqlConnection Source, NpgsqlConnection Target)> ReadersAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection source = await _sourceData.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            NpgsqlConnection target = await _targetData.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
            await source.RunAsync(Settings, cancellationToken).ConfigureAwait(false);
            await target.RunAsync(Settings, cancellationToken).ConfigureAwait(false);
            return (source, target);
        }
        catch
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The phase an earlier run left this step in, or null.</summary>
    public Task<string?> PhaseAsync(CancellationToken cancellationToken) =>
        Source.ReadAsync<string>("select phase from scaling_sharding.move where id = $1", cancellationToken, Step.Id);

    /// <summary>Begins a transaction at the source in which nobody else writes; gives way again and again to transactions that run long.</summary>
    /// <remarks>A mover that vanishes without closing its connection holds the writers up for ten seconds at most: then the server ends its transaction.</remarks>
    /// <returns>When the writers began to wait, in ticks of the clock.</returns>
    public async Task<long> BeginAloneAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Source.RunAsync($"begin; set local lock_timeout = {(int)Math.Ceiling(Options.LockTimeout.TotalMilliseconds)}; set local idle_in_transaction_session_timeout = '10s'", cancellationToken).ConfigureAwait(false);
            long since = Time.GetTimestamp();
            try
            {
                await Source.RunAsync($"select pg_advisory_xact_lock({FenceSql.OwnershipLock})", cancellationToken).ConfigureAwait(false);
                return since;
            }
            catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                // Those who queued behind us go first; then the long transaction has had a little more time.
                await Source.RunAsync("rollback", cancellationToken).ConfigureAwait(false);
                await Task.Delay(Options.LockTimeout, Time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Deletes the step's rows on one side, children before parents, piece by piece.</summary>
    public async Task DeleteRowsAsync(NpgsqlConnection side, CancellationToken cancellationToken)
    {
        foreach (MovingTable table in Tables.Reverse())
        {
            foreach ((int first, int last) in Step.Pieces(Options.SlotsPerCopy))
            {
                await side.RunAsync($"delete from {table.Name} where {table.Slot} between $1 and $2", cancellationToken, first, last).ConfigureAwait(false);
            }
        }
    }

    public void Report(ShardMovePhase phase, double fraction, TimeSpan? pause = null) =>
        Options.Progress?.Report(new ShardMoveProgress(Step.From, Step.To, phase, fraction, pause));

    public async ValueTask DisposeAsync()
    {
        await LetGoAsync(Target).ConfigureAwait(false);
        await LetGoAsync(Source).ConfigureAwait(false);
    }

    private static async Task LetGoAsync(NpgsqlConnection connection)
    {
        try
        {
            // A pooled connection is reset only when it is used next: until then it would keep the lock from other movers.
            await connection.RunAsync("rollback; select pg_advisory_unlock_all(); discard temp", CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException)
        {
            // the connection is gone, and everything it held with it
        }

        await connection.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<NpgsqlConnection> ConnectAsync(NpgsqlDataSource data, string shard, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await data.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.RunAsync(Settings, cancellationToken).ConfigureAwait(false);
            if (!await connection.ReadAsync<bool>("select to_regclass('scaling_sharding.shard') is not null", cancellationToken).ConfigureAwait(false)
                || await connection.ReadAsync<string>("select name from scaling_sharding.shard", cancellationToken).ConfigureAwait(false) != shard)
            {
                throw new InvalidOperationException($"The database of shard '{shard}' has no fence with that name: run ShardFence.InstallAsync there first.");
            }

            if (!await connection.ReadAsync<bool>($"select pg_try_advisory_lock({FenceSql.MoverLock})", cancellationToken).ConfigureAwait(false))
            {
                throw new InvalidOperationException($"Another mover works on shard '{shard}'; there can be one at a time.");
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
