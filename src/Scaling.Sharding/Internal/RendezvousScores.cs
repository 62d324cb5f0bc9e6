namespace Scaling.Sharding.Internal;

/// <summary>Each shard's score for a hash. Equal weights compare the mixed hashes themselves, which is the same order as −w/ln h.</summary>
internal sealed class RendezvousScores
{
    private readonly ulong[] _seeds;
    private readonly double[]? _weights;

    public RendezvousScores(ShardTable shards)
    {
        _seeds = [.. Enumerable.Range(0, shards.Count).Select(shards.SeedOf)];
        _weights = shards.WeightsAreEqual ? null : Array.ConvertAll(shards.Shards, shard => (double)shard.Weight);
    }

    public int Highest(ulong hash) => _weights is null ? HighestEqual(hash) : HighestWeighted(hash, _weights);

    /// <summary>Adds shards to <paramref name="replicas"/> from the highest score down.</summary>
    public void Fill(ulong hash, ref ReplicaSet replicas)
    {
        do
        {
            while (!replicas.PassIsOver && HighestOf(hash, replicas) is >= 0 and var shard)
            {
                replicas.Offer(shard);
            }
        }
        while (replicas.NextPass());
    }

    private int HighestEqual(ulong hash)
    {
        ulong[] seeds = _seeds;
        int winner = 0;
        ulong best = Mix.Of(hash ^ seeds[0]);
        for (int i = 1; i < seeds.Length; i++)
        {
            ulong score = Mix.Of(hash ^ seeds[i]);
            if (score > best)
            {
                (winner, best) = (i, score);
            }
        }

        return winner;
    }

    private int HighestWeighted(ulong hash, double[] weights)
    {
        int winner = 0;
        double best = -1;
        for (int i = 0; i < weights.Length; i++)
        {
            double score = weights[i] / StableLog.MinusLn(Mix.Of(hash ^ _seeds[i]));
            if (score > best)
            {
                (winner, best) = (i, score);
            }
        }

        return winner;
    }

    /// <summary>The best shard that <paramref name="replicas"/> would take, or −1: a shard of weight 0 holds no copies.</summary>
    private int HighestOf(ulong hash, in ReplicaSet replicas)
    {
        int winner = -1;
        double best = -1;
        ulong bestMixed = 0;
        for (int i = 0; i < _seeds.Length; i++)
        {
            if (!replicas.Accepts(i) || _weights?[i] == 0)
            {
                continue;
            }

            ulong mixed = Mix.Of(hash ^ _seeds[i]);
            double score = _weights is null ? 0 : _weights[i] / StableLog.MinusLn(mixed);
            if (winner < 0 || score > best || (score == best && mixed > bestMixed))
            {
                (winner, best, bestMixed) = (i, score, mixed);
            }
        }

        return winner;
    }
}
