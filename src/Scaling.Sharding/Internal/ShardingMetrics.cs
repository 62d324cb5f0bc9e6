using System.Diagnostics.Metrics;

namespace Scaling.Sharding.Internal;

/// <summary>The package's only meter. Costs one test per call while nobody listens.</summary>
internal static class ShardingMetrics
{
    private static readonly Meter Meter = new("Scaling.Sharding");

    private static readonly Counter<long> Routes = Meter.CreateCounter<long>("scaling.sharding.routes", "{route}", "Keys routed, by shard.");
    private static readonly Counter<long> Errors = Meter.CreateCounter<long>("scaling.sharding.errors", "{error}", "Failed or late answers, by shard.");
    private static readonly Histogram<int> FanOut = Meter.CreateHistogram<int>("scaling.sharding.fan_out", "{shard}", "Shards asked by one query over all shards.");
    private static readonly Counter<long> MergeRows = Meter.CreateCounter<long>("scaling.sharding.merge_rows", "{row}", "Rows read from shards to be merged.");
    private static readonly Counter<long> MovedSlots = Meter.CreateCounter<long>("scaling.sharding.moved_slots", "{slot}", "Slots of a table done, by phase of the move.");
    private static readonly Counter<long> CaughtUpRows = Meter.CreateCounter<long>("scaling.sharding.caught_up_rows", "{row}", "Rows that changed while they moved and were carried over.");
    private static readonly Histogram<double> MovePause = Meter.CreateHistogram<double>("scaling.sharding.move_pause", "s", "How long writers of a shard waited while slots were cut over.");

    private static readonly Counter<long> MapLookUps = Meter.CreateCounter<long>("scaling.sharding.map_look_ups", "{look_up}", "Look-ups of the newest map, by outcome.");

    public static void LookedForMap(bool ok) => MapLookUps.Add(1, new KeyValuePair<string, object?>("outcome", ok ? "ok" : "failed"));

    public static void Routed(string shard)
    {
        if (Routes.Enabled)
        {
            Routes.Add(1, new KeyValuePair<string, object?>("shard", shard));
        }
    }

    public static void Failed(string shard) => Errors.Add(1, new KeyValuePair<string, object?>("shard", shard));

    public static void FannedOut(int shards) => FanOut.Record(shards);

    public static void ReadForMerge(long rows) => MergeRows.Add(rows);

    public static void Moved(string phase, (int First, int Last) slots) => MovedSlots.Add(slots.Last - slots.First + 1, new KeyValuePair<string, object?>("phase", phase));

    public static void CaughtUp(long rows) => CaughtUpRows.Add(rows);

    public static void Paused(TimeSpan pause) => MovePause.Record(pause.TotalSeconds);
}
