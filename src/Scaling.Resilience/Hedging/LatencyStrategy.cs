using Polly;
using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>Just inside the hedging: lets everybody in, and tells the delay how long each attempt took.</summary>
internal sealed class LatencyStrategy(HedgingDelay delay) : GateStrategy<TimeSpan>(isFailure: null)
{
    protected override bool TryEnter(out TimeSpan ticket)
    {
        ticket = delay.Now;
        return true;
    }

    protected override void Leave(TimeSpan ticket, CallVerdict verdict, ResilienceContext context)
    {
        switch (verdict)
        {
            case CallVerdict.Success:
                delay.Record(ticket);
                break;
            case CallVerdict.Nothing:
                delay.RecordCancelled(ticket);
                break;
        }
    }

    protected override ExecutionRejectedException Reject(ResilienceContext context) => throw new InvalidOperationException("Nobody is turned away here.");
}
