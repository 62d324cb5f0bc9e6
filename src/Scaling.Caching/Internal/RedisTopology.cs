using System.Net;
using StackExchange.Redis;

namespace Scaling.Caching.Internal;

/// <summary>
/// Which node of a Redis Cluster holds what; a Redis that is no cluster is one node. The slots are cut into 64 lanes, and every lane has its own stamp of
/// "everything" whose name hashes into it. Nodes own runs of slots, so that a key's stamp lies on the key's node, but for the few keys where a run ends.
/// </summary>
internal sealed class RedisTopology(string whole)
{
    private const int Slots = 16_384;
    private const int Lanes = 64;
    private const int SlotsPerLane = Slots / Lanes;

    private Map? _map;

    public IReadOnlyList<string> Nodes => _map?.Nodes ?? [whole];

    public IReadOnlyList<string> Epochs => _map?.Epochs ?? [TagNames.All];

    public bool IsCluster => _map is not null;

    /// <summary>A slot that nobody serves belongs to the whole, which in a cluster no one probes: it is not asked.</summary>
    public string NodeOf(int slot) => _map is { } map ? map.NodeOfSlot[slot] : whole;

    public string EpochOf(int slot) => _map is { } map ? map.Epochs[slot / SlotsPerLane] : TagNames.All;

    public EndPoint? EndPointOf(string node) => _map is { } map && map.EndPoints.TryGetValue(node, out EndPoint? endPoint) ? endPoint : null;

    public void Update(ClusterConfiguration cluster, Func<string, int> slotOf)
    {
        if (_map is { } known && known.Source == cluster)
        {
            return;
        }

        var nodeOfSlot = new string[Slots];
        Array.Fill(nodeOfSlot, whole);
        var endPoints = new SortedDictionary<string, EndPoint>(StringComparer.Ordinal);
        foreach (ClusterNode node in cluster.Nodes)
        {
            if (node.IsReplica || node.EndPoint is not { } endPoint || node.Slots.Count == 0)
            {
                continue;
            }

            string name = NameOf(endPoint);
            endPoints[name] = endPoint;
            foreach (SlotRange range in node.Slots)
            {
                nodeOfSlot.AsSpan(range.From..(range.To + 1)).Fill(name);
            }
        }

        if (endPoints.Count > 0)
        {
            Volatile.Write(ref _map, new Map(cluster, [.. endPoints.Keys], endPoints, nodeOfSlot, _map?.Epochs ?? NameEpochs(slotOf)));
        }
    }

    public static string NameOf(EndPoint endPoint) => EndPointCollection.ToString(endPoint);

    // the smallest number in braces that hashes into the lane: every node of the application finds the same one
    private static string[] NameEpochs(Func<string, int> slotOf)
    {
        var epochs = new string[Lanes];
        int missing = Lanes;
        for (int i = 0; missing > 0; i++)
        {
            string epoch = $"{TagNames.All}{{{i}}}";
            ref string slot = ref epochs[slotOf(epoch) / SlotsPerLane];
            if (slot is null)
            {
                slot = epoch;
                missing--;
            }
        }

        return epochs;
    }

    private sealed record Map(
        ClusterConfiguration Source, string[] Nodes, IReadOnlyDictionary<string, EndPoint> EndPoints, string[] NodeOfSlot, string[] Epochs);
}
