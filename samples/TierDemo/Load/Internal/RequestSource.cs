namespace TierDemo.Load.Internal;

/// <summary>Writes request k of a <see cref="Workload"/> for one host. Thread-safe; the space belongs to the caller.</summary>
internal sealed class RequestSource
{
    private readonly (long UpTo, RequestTemplate Template)[] _choices;
    private readonly Func<long, LoadRequest>? _generate;
    private readonly string _host;
    private readonly ulong _seed;
    private readonly long _totalWeight;

    public RequestSource((int Weight, LoadRequest Request)[] choices, Func<long, LoadRequest>? generate, string host, ulong seed)
    {
        _generate = generate;
        _host = host;
        _seed = seed;
        _choices = new (long, RequestTemplate)[choices.Length];
        for (int i = 0; i < choices.Length; i++)
        {
            _totalWeight += choices[i].Weight;
            _choices[i] = (_totalWeight, new RequestTemplate(choices[i].Request, host));
        }
    }

    public ReadOnlyMemory<byte> Write(long ordinal, RequestSpace space, out bool isHead)
    {
        var random = new RequestRandom(_seed, ordinal);
        RequestTemplate template = _generate is null ? Pick(ref random) : Generated(ordinal);
        isHead = template.IsHead;
        return template.Write(space, ref random);
    }

    private RequestTemplate Pick(ref RequestRandom random)
    {
        long point = _choices.Length == 1 ? 0 : random.Next(0, _totalWeight - 1);
        int choice = 0;
        while (point >= _choices[choice].UpTo)
        {
            choice++;
        }

        return _choices[choice].Template;
    }

    private RequestTemplate Generated(long ordinal)
    {
        LoadRequest request = _generate!(ordinal);
        request.Validate();
        return new RequestTemplate(request, _host);
    }
}
