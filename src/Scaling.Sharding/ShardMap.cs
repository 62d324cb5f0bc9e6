using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <summary>The recommended map: keys hash to a fixed number of slots for ever, and a table says which shard owns each slot.</summary>
/// <remarks>
/// <para>The table is state, so the map carries a <see cref="Version"/> and travels as JSON. In return it does what no formula
/// can: exact shares (each shard within one slot of its weight), the fewest possible moves, any shard may come or go, single hot keys can be
/// pinned, and what moves is known slot by slot (<see cref="Diff"/>). The slot of a key, <see cref="GetSlot"/>, depends on the
/// number of slots alone: store it in a column and no row needs to be rehashed again.</para>
/// <para>Immutable and safe for all threads. A lookup is one hash, one multiplication and two array reads; it allocates nothing.</para>
/// </remarks>
/// <example><code>
/// var map = new ShardMap(["pg-0", "pg-1", "pg-2"]);
/// string shard = map.GetShard(42);
/// ShardMap next = map.Add("pg-3");                 // version 2; keys move to pg-3 only
/// ShardPlan plan = ShardMap.Diff(map, next);       // exactly the slots that move
/// </code></example>
public sealed partial class ShardMap : IShardMap
{
    /// <summary>The number of slots unless told otherwise: enough for a fair share among 1,000 shards, and what Redis Cluster uses.</summary>
    private const int DefaultSlotCount = 16_384;

    private const int MaxSlotCount = 1 << 20;

    /// <summary>Set in <see cref="_routes"/> for a slot with a pinned key in it: only such a slot pays for the look into the pins.</summary>
    private const ushort HasPin = 0x8000;

    private readonly ShardTable _shards;
    private readonly string[] _names;
    private readonly ushort[] _owners;
    private readonly Pin[] _pins;
    private readonly ushort[] _routes;
    private readonly FrozenDictionary<ulong, Pin> _pinsByHash;
    private readonly RendezvousScores _replicaScores;

    /// <summary>Divides the slots among the shards by weight. Equal input gives the equal map, whatever the order of the shards.</summary>
    /// <param name="shards">Names, or <see cref="Shard"/>s with weights and zones.</param>
    /// <param name="slotCount">How many slots there are, for ever: 16,384 by default, 1,048,576 at most.</param>
    /// <exception cref="ArgumentException">No shard, a name twice, no weight above 0, or a shard so light that it would own no slot.</exception>
    public ShardMap(IEnumerable<Shard> shards, int slotCount = DefaultSlotCount)
        : this(new ShardTable(shards, minWeight: 0), NoOwners(slotCount), [], version: 1)
    {
    }

    private ShardMap(ShardTable shards, ReadOnlySpan<int> previousOwners, Pin[] pins, long version)
        : this(shards, SlotAssignment.Assign(previousOwners, RequireWeight(shards)), pins, version)
    {
    }

    private ShardMap(ShardTable shards, ushort[] owners, Pin[] pins, long version)
    {
        (_shards, _names, _owners, _pins, Version) = (shards, shards.Names, owners, pins, version);
        _pinsByHash = pins.ToFrozenDictionary(pin => pin.Hash);
        _replicaScores = new RendezvousScores(shards);
        _routes = pins.Length == 0 ? owners : [.. owners];
        foreach (Pin pin in pins)
        {
            _routes[BaseSlotOf(pin.Hash)] |= HasPin;
        }

        Fingerprint = ComputeFingerprint();
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Shards => _shards.Names;

    /// <summary>1 for a new map, one more with every change.</summary>
    public long Version { get; }

    /// <summary>A 64-bit digest of everything that decides a route (not of <see cref="Version"/>): equal for maps that route alike, different as soon as one route differs.</summary>
    public ulong Fingerprint { get; }

    /// <summary>The number of slots that keys hash to. A pinned key has a slot of its own, numbered from here up.</summary>
    public int SlotCount => _owners.Length;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public string GetShard(ShardKey key)
    {
        ushort[] routes = _routes;
        ushort owner = routes[(int)Math.BigMul(key.Hash, (ulong)routes.Length, out _)];
        return owner < HasPin ? _names[owner] : ShardBesidePins(key.Hash);
    }

    /// <summary>The slot of a key, for the slot column of its row. Equal in every version of a map, unless the key is pinned.</summary>
    /// <param name="key">A string, long, Guid or bytes.</param>
    /// <returns>A number from 0 to <see cref="SlotCount"/> − 1; from <see cref="SlotCount"/> up for a pinned key.</returns>
    public int GetSlot(ShardKey key) =>
        _pinsByHash.TryGetValue(key.Hash, out Pin pin) ? pin.Slot : BaseSlotOf(key.Hash);

    /// <inheritdoc/>
    /// <remarks>The copies of a slot follow its owner in rendezvous order, by weight; a shard of weight 0 holds none.</remarks>
    public int GetReplicas(ShardKey key, Span<string> destination)
    {
        var replicas = new ReplicaSet(_shards, stackalloc int[Math.Min(destination.Length, _shards.Count)]);
        if (!replicas.IsFull)
        {
            replicas.Offer(OwnerBesidePins(key.Hash));
            _replicaScores.Fill(Mix.Of((ulong)GetSlot(key)), ref replicas);
        }

        return replicas.WriteNames(destination);
    }

    /// <summary>The slots of a shard as ranges, both ends included, in order: for a WHERE clause, a partition, a report.</summary>
    /// <param name="shard">A name out of <see cref="Shards"/>.</param>
    /// <returns>Ranges that neither touch nor overlap; a pinned key's own slot among them.</returns>
    /// <exception cref="ArgumentException">The map has no such shard.</exception>
    public IReadOnlyList<(int First, int Last)> GetSlots(string shard) => SlotRanges.Of(OwnersWithPins(), IndexOf(shard));

    private int BaseSlotOf(ulong hash) => (int)Math.BigMul(hash, (ulong)_owners.Length, out _);

    private string ShardBesidePins(ulong hash) => _names[OwnerBesidePins(hash)];

    private int OwnerBesidePins(ulong hash) =>
        _pinsByHash.TryGetValue(hash, out Pin pin) ? pin.Owner : _owners[BaseSlotOf(hash)];

    private int IndexOf(string shard)
    {
        int index = Array.BinarySearch(_shards.Names, shard, StringComparer.Ordinal);
        return index >= 0 ? index : throw new ArgumentException($"The map has no shard '{shard}'; it has {string.Join(", ", _shards.Names)}.", nameof(shard));
    }

    private static int[] NoOwners(int slotCount)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slotCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(slotCount, MaxSlotCount);
        var owners = new int[slotCount];
        Array.Fill(owners, -1);
        return owners;
    }

    private static ShardTable RequireWeight(ShardTable shards)
    {
        if (shards.Count >= HasPin)
        {
            throw new ArgumentException($"{shards.Count:N0} shards are more than the {HasPin - 1:N0} a map can hold.", nameof(shards));
        }

        return Array.Exists(shards.Shards, shard => shard.Weight > 0)
            ? shards
            : throw new ArgumentException("Every shard has weight 0: nobody would own the slots.", nameof(shards));
    }
}
