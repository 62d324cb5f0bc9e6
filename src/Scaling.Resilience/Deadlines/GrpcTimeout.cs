using System.Globalization;

namespace Scaling.Resilience;

/// <summary>The <c>grpc-timeout</c> syntax: 1 to 8 digits and a unit (gRPC over HTTP/2, "Timeout").</summary>
internal static class GrpcTimeout
{
    private const long MaxValue = 99_999_999;

    // Ticks are 100 ns: "n" is read, rounded down to a tick, and never written.
    private static readonly (char Unit, long Ticks)[] Units =
    [
        ('u', TimeSpan.TicksPerMicrosecond),
        ('m', TimeSpan.TicksPerMillisecond),
        ('S', TimeSpan.TicksPerSecond),
        ('M', TimeSpan.TicksPerMinute),
        ('H', TimeSpan.TicksPerHour),
    ];

    public static bool TryParse(string? text, out TimeSpan value)
    {
        value = default;
        if (text is null || text.Length is < 2 or > 9
            || !long.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            return false;
        }

        if (text[^1] == 'n')
        {
            value = new TimeSpan(number / 100);
            return true;
        }

        foreach ((char unit, long ticks) in Units)
        {
            if (unit == text[^1])
            {
                value = number <= TimeSpan.MaxValue.Ticks / ticks ? new TimeSpan(number * ticks) : TimeSpan.MaxValue;
                return true;
            }
        }

        return false;
    }

    /// <summary>In the finest unit that fits, rounded down: nobody downstream may believe to have longer.</summary>
    public static string Format(TimeSpan value)
    {
        foreach ((char unit, long ticks) in Units)
        {
            if (value.Ticks / ticks is var number and <= MaxValue)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{number}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{MaxValue}H");
    }
}
