using System.Globalization;
using System.Text.Json;
using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <content>The map as JSON: small, readable, checked on the way in.</content>
public sealed partial class ShardMap
{
    private const int Format = 1;

    /// <summary>Writes the map as JSON: its version, its shards with their slots as ranges, and its pins.</summary>
    /// <returns>One line of JSON, a few hundred bytes for a few shards.</returns>
    public string ToJson() => JsonSerializer.Serialize(
        new ShardMapDocument
        {
            Format = Format,
            Version = Version,
            SlotCount = SlotCount,
            Shards = [.. _shards.Shards.Select((shard, index) => new ShardMapDocument.Entry
            {
                Name = shard.Name,
                Weight = shard.Weight,
                Zone = shard.Zone,
                Slots = SlotRanges.Format(SlotRanges.Of(_owners.Select((owner, slot) => (slot, (int)owner)), index)),
            })],
            Pins = [.. _pins.Select(pin => new ShardMapDocument.PinnedKey
            {
                Key = pin.Hash.ToString("x16", CultureInfo.InvariantCulture),
                Slot = pin.Slot,
                Shard = _shards.Names[pin.Owner],
            })],
            Fingerprint = Fingerprint.ToString("x16", CultureInfo.InvariantCulture),
        },
        ShardMapDocument.Context.Default.ShardMapDocument);

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The JSON.</param>
    /// <returns>A map with the same version and the same routes.</returns>
    /// <exception cref="FormatException">It is no such JSON, a slot has no owner or two, or the fingerprint does not fit the rest.</exception>
    public static ShardMap FromJson(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            return FromDocument(JsonSerializer.Deserialize(json, ShardMapDocument.Context.Default.ShardMapDocument)
                ?? throw new FormatException("The JSON is null."));
        }
        catch (Exception exception) when (exception is JsonException or ArgumentException or FormatException)
        {
            throw new FormatException($"This is no shard map: {exception.Message}", exception);
        }
    }

    private static ShardMap FromDocument(ShardMapDocument document)
    {
        if (document.Format != Format)
        {
            throw new FormatException($"Its format is {document.Format}; this release reads format {Format}.");
        }

        var shards = RequireWeight(new ShardTable(document.Shards.Select(entry => new Shard(entry.Name, entry.Weight, entry.Zone)), minWeight: 0));
        int[] owners = NoOwners(document.SlotCount);
        foreach (ShardMapDocument.Entry entry in document.Shards)
        {
            int owner = Array.BinarySearch(shards.Names, entry.Name, StringComparer.Ordinal);
            foreach ((int first, int last) in SlotRanges.Parse(entry.Slots))
            {
                for (int slot = first; slot <= last; slot++)
                {
                    if (slot >= owners.Length || owners[slot] >= 0)
                    {
                        throw new FormatException($"Slot {slot} is beyond the {owners.Length} slots or has two owners.");
                    }

                    owners[slot] = owner;
                }
            }
        }

        if (Array.IndexOf(owners, -1) is >= 0 and var orphan)
        {
            throw new FormatException($"Slot {orphan} has no owner.");
        }

        Pin[] pins = [.. document.Pins.Select(pin => new Pin(pin.Slot, ulong.Parse(pin.Key, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), OwnerOf(pin, shards)))];
        if (pins.Any(pin => pin.Slot < owners.Length) || pins.DistinctBy(pin => pin.Slot).Count() < pins.Length)
        {
            throw new FormatException("A pinned key has no slot of its own.");
        }

        var map = new ShardMap(shards, Array.ConvertAll(owners, owner => (ushort)owner), pins, document.Version);
        return map.Fingerprint.ToString("x16", CultureInfo.InvariantCulture) == document.Fingerprint
            ? map
            : throw new FormatException($"Its fingerprint is {document.Fingerprint}, but its routes give {map.Fingerprint:x16}: it was changed by hand or damaged.");
    }

    private static int OwnerOf(ShardMapDocument.PinnedKey pin, ShardTable shards) =>
        Array.BinarySearch(shards.Names, pin.Shard, StringComparer.Ordinal) is >= 0 and var owner
            ? owner
            : throw new FormatException($"Key {pin.Key} is pinned to '{pin.Shard}', which is no shard of the map.");
}
