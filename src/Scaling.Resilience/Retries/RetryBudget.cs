using Scaling.Resilience.Internal;

namespace Scaling.Resilience;

/// <summary>
/// An account that pays for retries and hedges: successes deposit a share of a retry, each retry withdraws a whole one.
/// When a dependency fails, the account runs dry and the retry storm never starts.
/// </summary>
/// <remarks>
/// Make one per dependency and share it between all retries and hedges that go there. The law: in the
/// ten seconds that end with any withdrawal, withdrawals ≤ <see cref="RetryBudgetOptions.Ratio"/> × the deposits of those ten seconds
/// (and of the one before them) + ten times <see cref="RetryBudgetOptions.ReservePerSecond"/>.
/// The idea is Finagle's <c>RetryBudget</c>, which deposits for every request; here only a success earns, so a dead
/// dependency receives the reserve alone. Thread-safe; no allocation.
/// </remarks>
public sealed class RetryBudget
{
    private const double UnitsPerRetry = 1_000_000;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly SlidingSum _earned;
    private readonly CoarseClock _clock;
    private readonly long _deposit;
    private readonly long _reserve;

    /// <summary>Opens an account.</summary>
    /// <param name="options">The share and the reserve; the defaults if null.</param>
    /// <param name="timeProvider">The clock; the system's if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public RetryBudget(RetryBudgetOptions? options = null, TimeProvider? timeProvider = null)
    {
        options ??= new RetryBudgetOptions();
        options.Validate();
        Name = options.Name;
        _earned = new SlidingSum(Window);
        _clock = new CoarseClock(timeProvider ?? TimeProvider.System);
        _deposit = (long)(options.Ratio * UnitsPerRetry);
        _reserve = (long)(options.ReservePerSecond * Window.TotalSeconds * UnitsPerRetry);
        ResilienceMetrics.Budgets.Add(this);
    }

    /// <summary>Retries that could be withdrawn right now.</summary>
    public double Balance
    {
        get
        {
            lock (_lock)
            {
                return (_reserve + _earned.TotalAt(_clock.Now)) / UnitsPerRetry;
            }
        }
    }

    internal string Name { get; }

    /// <summary>Records a success of the dependency. The options of <c>WithBudget</c> do this for you.</summary>
    public void Deposit()
    {
        TimeSpan now = _clock.Now;
        lock (_lock)
        {
            _earned.Add(now, _deposit);
        }
    }

    /// <summary>Asks for one retry.</summary>
    /// <returns><see langword="true"/>: it is paid for, the caller sends it. <see langword="false"/>: the caller gives the failure back.</returns>
    public bool TryWithdraw()
    {
        TimeSpan now = _clock.Now;
        lock (_lock)
        {
            if (_reserve + _earned.TotalAt(now) >= (long)UnitsPerRetry)
            {
                _earned.Add(now, -(long)UnitsPerRetry);
                return true;
            }
        }

        ResilienceMetrics.Rejected("retry_budget", Name, "empty");
        return false;
    }
}
