using TierDemo.Load.Internal;

namespace TierDemo.Load;

/// <summary>The stream of requests of a load: request k is a pure function of the seed and k, so two runs send the same requests in the same order.</summary>
/// <remarks>Thread-safe. Prepared requests cost no allocation each; a generator delegate costs what it allocates.</remarks>
public sealed class Workload
{
    private readonly (int Weight, LoadRequest Request)[] _choices;
    private readonly Func<long, LoadRequest>? _generate;

    private Workload((int Weight, LoadRequest Request)[] choices, Func<long, LoadRequest>? generate)
    {
        _choices = choices;
        _generate = generate;
    }

    /// <summary>The same request over and over (its <c>{a..b}</c> ranges drawn anew each time).</summary>
    public static Workload Of(LoadRequest request) => Mix((1, request));

    /// <summary>Each request with a chance proportional to its weight.</summary>
    /// <exception cref="ArgumentException">No request, a weight below 1, or a request that cannot be put on the wire.</exception>
    public static Workload Mix(params (int Weight, LoadRequest Request)[] choices)
    {
        ArgumentOutOfRangeException.ThrowIfZero(choices.Length, nameof(choices));
        foreach ((int weight, LoadRequest request) in choices)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(weight, 1, nameof(choices));
            request.Validate();
        }

        return new Workload([.. choices], null);
    }

    /// <summary>Whatever <paramref name="generate"/> makes for request number k (from 0, warm-up included). It is called from several threads at once.</summary>
    public static Workload Generate(Func<long, LoadRequest> generate) => new([], generate);

    internal RequestSource Compile(string host, ulong seed) => new(_choices, _generate, host, seed);
}
