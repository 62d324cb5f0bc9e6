using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <content>Every change makes a new map with the next version.</content>
public sealed partial class ShardMap
{
    /// <summary>The map with one more shard; slots move to it and nowhere else.</summary>
    /// <param name="shard">A name, or a <see cref="Shard"/> with a weight and a zone.</param>
    /// <returns>The next version; this map is unchanged.</returns>
    /// <exception cref="ArgumentException">The map has a shard of that name.</exception>
    public ShardMap Add(Shard shard)
    {
        ArgumentNullException.ThrowIfNull(shard);
        return With([.. _shards.Shards, shard]);
    }

    /// <summary>The map without a shard; its slots and no others move.</summary>
    /// <param name="shard">A name out of <see cref="Shards"/>.</param>
    /// <returns>The next version; this map is unchanged.</returns>
    /// <exception cref="ArgumentException">The map has no such shard, only this one, or a key pinned to it: unpin that first.</exception>
    public ShardMap Remove(string shard)
    {
        int leaving = IndexOf(shard);
        return With([.. _shards.Shards.Where((_, index) => index != leaving)]);
    }

    /// <summary>The map with other shards, weights or zones, all changed in one step and with the fewest possible moves.</summary>
    /// <param name="shards">All shards of the new map, in any order.</param>
    /// <returns>The next version; this map is unchanged.</returns>
    /// <exception cref="ArgumentException">As for the constructor; or a key is pinned to a shard that is not among them.</exception>
    public ShardMap With(IEnumerable<Shard> shards)
    {
        var table = new ShardTable(shards, minWeight: 0);
        int[] translation = Array.ConvertAll(_shards.Names, name => Math.Max(-1, Array.BinarySearch(table.Names, name, StringComparer.Ordinal)));
        Pin[] pins = Array.ConvertAll(_pins, pin => translation[pin.Owner] >= 0
            ? pin with { Owner = translation[pin.Owner] }
            : throw new ArgumentException($"Key {pin.Hash:x16} is pinned to '{_shards.Names[pin.Owner]}', which is to leave. Pin it elsewhere or unpin it first.", nameof(shards)));
        return new ShardMap(table, Array.ConvertAll(_owners, owner => translation[owner]), pins, Version + 1);
    }

    /// <summary>The map in which one hot key lives on a shard of your choice, in a slot of its own.</summary>
    /// <remarks>
    /// Pinning a key to the shard it is on already changes no route but gives it its own slot: relabel its rows, and then
    /// it can be moved alone. See docs/sharding.md, "One hot key".
    /// </remarks>
    /// <param name="key">The key; pinning it again moves the pin.</param>
    /// <param name="shard">A name out of <see cref="Shards"/>.</param>
    /// <returns>The next version; this map is unchanged.</returns>
    /// <exception cref="ArgumentException">The map has no such shard.</exception>
    public ShardMap Pin(ShardKey key, string shard)
    {
        int slot = _pinsByHash.TryGetValue(key.Hash, out Pin pin) ? pin.Slot : FirstFreePinSlot();
        Pin[] pins = [.. _pins.Where(other => other.Hash != key.Hash), new Pin(slot, key.Hash, IndexOf(shard))];
        return new ShardMap(_shards, _owners, [.. pins.OrderBy(each => each.Slot)], Version + 1);
    }

    /// <summary>The map in which a key goes back to the slot its hash says.</summary>
    /// <param name="key">The key; nothing changes but the version when it is not pinned.</param>
    /// <returns>The next version; this map is unchanged.</returns>
    public ShardMap Unpin(ShardKey key) =>
        new(_shards, _owners, [.. _pins.Where(pin => pin.Hash != key.Hash)], Version + 1);

    /// <summary>What has to move to get from one map to another: every slot whose owner differs, and no other.</summary>
    /// <param name="from">The map in force.</param>
    /// <param name="to">The map wanted.</param>
    /// <returns>The plan; without moves when the maps route alike.</returns>
    /// <exception cref="ArgumentException">The maps count their slots differently, so that every key would move, or give one slot to different pinned keys.</exception>
    public static ShardPlan Diff(ShardMap from, ShardMap to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        if (from.SlotCount != to.SlotCount)
        {
            throw new ArgumentException($"One map has {from.SlotCount} slots and the other {to.SlotCount}; the number of slots is for ever.", nameof(to));
        }

        if (from._pins.Any(pin => to._pins.Any(other => other.Slot == pin.Slot && other.Hash != pin.Hash)))
        {
            throw new ArgumentException("One slot is pinned to different keys in the two maps: go by way of a map in which neither is pinned.", nameof(to));
        }

        return new ShardPlan(from, to);
    }

    /// <summary>The owner of every slot under this map, pinned slots last.</summary>
    internal IEnumerable<(int Slot, int Owner)> OwnersWithPins() =>
        _owners.Select((owner, slot) => (slot, (int)owner)).Concat(_pins.Select(pin => (pin.Slot, pin.Owner)));

    /// <summary>The keys with a slot of their own.</summary>
    internal IReadOnlyList<Pin> Pins => _pins;

    internal string NameOf(int owner) => _shards.Names[owner];

    internal ReadOnlySpan<ushort> BaseOwners => _owners;

    private int FirstFreePinSlot()
    {
        int slot = SlotCount;
        while (Array.Exists(_pins, pin => pin.Slot == slot))
        {
            slot++;
        }

        return slot;
    }

    private ulong ComputeFingerprint()
    {
        var hash = new XxHash3();
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        void Append(Span<byte> buffer, ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(buffer, value);
            hash.Append(buffer);
        }

        void AppendText(Span<byte> buffer, string? text)
        {
            byte[] utf8 = Encoding.UTF8.GetBytes(text ?? "");
            Append(buffer, text is null ? ulong.MaxValue : (ulong)utf8.Length);
            hash.Append(utf8);
        }

        Append(number, (ulong)_shards.Count);
        foreach (Shard shard in _shards.Shards)
        {
            AppendText(number, shard.Name);
            AppendText(number, shard.Zone);
            Append(number, (ulong)shard.Weight);
        }

        Append(number, (ulong)_owners.Length);
        foreach (ushort owner in _owners)
        {
            Append(number, owner);
        }

        foreach (Pin pin in _pins)
        {
            Append(number, (ulong)pin.Slot);
            Append(number, pin.Hash);
            Append(number, (ulong)pin.Owner);
        }

        return hash.GetCurrentHashAsUInt64();
    }
}
