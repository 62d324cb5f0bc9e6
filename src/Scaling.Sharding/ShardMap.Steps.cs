using Scaling.Sharding.Internal;

namespace Scaling.Sharding;

/// <content>The maps on the way from one map to another.</content>
public sealed partial class ShardMap
{
    /// <summary>Cuts a plan into steps between two shards each, with the map that holds after each of them; the last routes like <see cref="ShardPlan.To"/>.</summary>
    internal static IReadOnlyList<MoveStep> Steps(ShardPlan plan)
    {
        (ShardMap from, ShardMap to) = (plan.From, plan.To);
        if (!from._pins.Select(pin => (pin.Slot, pin.Hash)).SequenceEqual(to._pins.Select(pin => (pin.Slot, pin.Hash))))
        {
            throw new ArgumentException("The plan pins or unpins keys, which changes the slots of their rows. First publish a map that pins the key where it is and relabel its rows, then move it (docs/sharding.md, \"One hot key\").", nameof(plan));
        }

        // both tables in one, so that a map half way can name those who come and those who leave
        ShardTable union = new([.. to._shards.Shards, .. from._shards.Shards.ExceptBy(to.Shards, shard => shard.Name)], minWeight: 0);
        ushort Translate(ShardMap map, int owner) => (ushort)Array.BinarySearch(union.Names, map.NameOf(owner), StringComparer.Ordinal);
        ushort[] owners = Array.ConvertAll(from._owners, owner => Translate(from, owner));
        Pin[] pins = Array.ConvertAll(from._pins, pin => pin with { Owner = Translate(from, pin.Owner) });
        var pairs = plan.Moves.GroupBy(move => (move.From, move.To)).ToArray();
        var steps = new List<MoveStep>();
        foreach (var pair in pairs)
        {
            int taker = Array.BinarySearch(union.Names, pair.Key.To, StringComparer.Ordinal);
            foreach ((int first, int last, _, _) in pair)
            {
                for (int slot = first; slot <= Math.Min(last, owners.Length - 1); slot++)
                {
                    owners[slot] = (ushort)taker;
                }

                pins = Array.ConvertAll(pins, pin => pin.Slot >= first && pin.Slot <= last ? pin with { Owner = taker } : pin);
            }

            long version = from.Version + steps.Count + 1;
            ShardMap map = steps.Count == pairs.Length - 1
                ? new ShardMap(to._shards, to._owners, to._pins, Math.Max(version, to.Version))
                : new ShardMap(union, [.. owners], pins, version);
            steps.Add(new MoveStep(pair.Key.From, pair.Key.To, [.. pair.Select(move => (move.First, move.Last))], map, plan));
        }

        return steps;
    }
}
