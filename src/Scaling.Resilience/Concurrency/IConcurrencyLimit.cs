namespace Scaling.Resilience;

/// <summary>
/// An algorithm that learns from finished calls how many may run at once. It holds numbers only: no clock, no lock, no I/O.
/// </summary>
/// <remarks>
/// Give each limiter an instance of its own; the limiter calls <see cref="OnSample"/> one sample at a time, in order of
/// <see cref="ConcurrencySample.Now"/>. Provided: <see cref="KneeLimit"/> (the default), <see cref="AimdLimit"/>,
/// <see cref="VegasLimit"/>, <see cref="Gradient2Limit"/>.
/// </remarks>
public interface IConcurrencyLimit
{
    /// <summary>Calls allowed at once; at least 1.</summary>
    int Limit { get; }

    /// <summary>Learns from a finished call.</summary>
    /// <param name="sample">What was seen of the call.</param>
    void OnSample(in ConcurrencySample sample);
}
