using Npgsql;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>Carries a plan out between live Postgres databases: copy, catch up, verify, cut over, clean up, one pair of shards after the other.</summary>
/// <remarks>
/// <para>Reads and writes go on throughout. The writers of a shard that gives slots away wait for a moment three times: when
/// its changes begin to be logged, when the snapshots for the comparison are taken, and when the slots change hands. A write that then
/// arrives at the old owner is refused by its <see cref="ShardFence"/>, never lost; <see cref="ShardSet{T}.ExecuteAsync"/> sends it on.</para>
/// <para>Every step of the way is recorded in the databases. After a crash, run a move of the same plan again (<see cref="FindUnfinishedAsync"/>) and it
/// goes on where it stopped; before the cut-over <see cref="RollbackAsync"/> goes back instead. No extension, replication slot or superuser is needed.
/// The shard key of a row must not change while its slot moves.</para>
/// </remarks>
/// <example><code>
/// ShardMap next = map.Add("pg-3");
/// var move = new ShardMove(ShardMap.Diff(map, next), name => sources[name], new ShardMoveOptions { Tables = { "users" } });
/// ShardMap inForce = await move.RunAsync(cancellationToken: cancellationToken);
/// </code></example>
public sealed class ShardMove
{
    private readonly IReadOnlyList<MoveStep> _steps;
    private readonly ShardPlan _plan;
    private readonly Func<string, NpgsqlDataSource> _dataSource;
    private readonly ShardMoveOptions _options;
    private readonly TimeProvider _time;

    /// <summary>Prepares a move; nothing is touched yet.</summary>
    /// <param name="plan">From the map in force to the one wanted. The databases remember it until it is done.</param>
    /// <param name="dataSource">The database of each shard; every one with a <see cref="ShardFence"/>.</param>
    /// <param name="options">What is moved.</param>
    /// <param name="timeProvider">The clock; null for the system's.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the plan pins or unpins a key.</exception>
    public ShardMove(ShardPlan plan, Func<string, NpgsqlDataSource> dataSource, ShardMoveOptions options, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(dataSource);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (_plan, _dataSource, _options, _time) = (plan, dataSource, options, timeProvider ?? TimeProvider.System);
        _steps = ShardMap.Steps(plan);
    }

    /// <summary>Finds the plan that a process left unfinished when it died: make a move of it and run that, or roll it back.</summary>
    /// <param name="dataSources">All shards; each must answer, for any of them may know.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The plan, or null when the last one was finished or rolled back.</returns>
    public static async Task<ShardPlan?> FindUnfinishedAsync(IEnumerable<NpgsqlDataSource> dataSources, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(dataSources);
        return await MoveHistory.FindUnfinishedAsync(dataSources, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs the plan to its end, from wherever an earlier run left it.</summary>
    /// <param name="publish">Tells routers of the next map; called once per pair of shards, right after its cut-over, and again when the move is resumed: <see cref="ShardSet{T}.TrySwap"/> takes that. Null when all of them look for it themselves (<see cref="ShardSetOptions.LoadMap"/>).</param>
    /// <param name="cancellationToken">Stops; the move can be resumed.</param>
    /// <returns>The map now in force: it routes like the plan's <see cref="ShardPlan.To"/>, with a version of its own.</returns>
    /// <exception cref="InvalidOperationException">A database has no fence, another mover works on it, or the plan does not start from the map in force.</exception>
    /// <exception cref="ShardException">The copies differ. Nothing was cut over.</exception>
    public async Task<ShardMap> RunAsync(Func<ShardMap, CancellationToken, Task>? publish = null, CancellationToken cancellationToken = default)
    {
        foreach (MoveStep step in _steps)
        {
            MoveSession session = await MoveSession.OpenAsync(step, _dataSource, _options, _time, cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                await RunStepAsync(session, publish, cancellationToken).ConfigureAwait(false);
            }
        }

        return _steps.Count == 0 ? _plan.To : _steps[^1].Map;
    }

    /// <summary>Takes back the pair of shards under way, if it has not been cut over. Pairs that have been stay as they are.</summary>
    /// <param name="cancellationToken">Stops; call it again to go on.</param>
    /// <returns>The map in force afterwards.</returns>
    /// <exception cref="InvalidOperationException">The pair is past its cut-over: run the move to its end, then plan one back.</exception>
    public async Task<ShardMap> RollbackAsync(CancellationToken cancellationToken = default)
    {
        ShardMap inForce = _plan.From;
        foreach (MoveStep step in _steps)
        {
            MoveSession session = await MoveSession.OpenAsync(step, _dataSource, _options, _time, cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                switch (await session.PhaseAsync(cancellationToken).ConfigureAwait(false))
                {
                    case "done":
                        inForce = step.Map;
                        continue;
                    case "cut":
                        throw new InvalidOperationException($"The slots from '{step.From}' to '{step.To}' have changed hands. Run the move to its end, then plan one back.");
                    case "copy":
                        await MoveCutOver.RollBackAsync(session, cancellationToken).ConfigureAwait(false);
                        break;
                }

                break;
            }
        }

        return inForce;
    }

    private static async Task RunStepAsync(MoveSession session, Func<ShardMap, CancellationToken, Task>? publish, CancellationToken cancellationToken)
    {
        string? phase = await session.PhaseAsync(cancellationToken).ConfigureAwait(false);
        if (phase is null or "undone")
        {
            await MoveCopy.PrepareAsync(session, cancellationToken).ConfigureAwait(false);
        }

        if (phase is null or "undone" or "copy")
        {
            await MoveCopy.CopyAsync(session, cancellationToken).ConfigureAwait(false);
            await MoveCatchUp.CatchUpAsync(session, cancellationToken).ConfigureAwait(false);
            await MoveVerify.VerifyAsync(session, cancellationToken).ConfigureAwait(false);
            await MoveCatchUp.CatchUpAsync(session, cancellationToken).ConfigureAwait(false);

            // From the first word of the cut-over to the last, a cancellation would only prolong the pause: it is heard afterwards.
            long since = await MoveCutOver.GiveUpAsync(session, cancellationToken).ConfigureAwait(false);
            await MoveCutOver.HandOverAsync(session, CancellationToken.None).ConfigureAwait(false);
            TimeSpan pause = session.Time.GetElapsedTime(since);
            ShardingMetrics.Paused(pause);
            session.Report(ShardMovePhase.CutOver, 1, pause);
        }
        else
        {
            await MoveCutOver.HandOverAsync(session, cancellationToken).ConfigureAwait(false);
        }

        if (publish is not null)
        {
            await publish(session.Step.Map, cancellationToken).ConfigureAwait(false);
        }

        if (phase != "done")
        {
            await MoveCutOver.CleanUpAsync(session, cancellationToken).ConfigureAwait(false);
        }
    }
}
