namespace Scaling.Sharding.Internal;

/// <summary>−ln of a hash taken as a number in (0, 1), from additions, multiplications and divisions alone.</summary>
/// <remarks>
/// <see cref="Math.Log(double)"/> calls the platform's C library, whose last digit differs between platforms: two hosts
/// would then disagree on a route. IEEE arithmetic does not differ.
/// </remarks>
internal static class StableLog
{
    private const double Ln2 = 0.6931471805599453;

    public static double MinusLn(ulong hash)
    {
        // u = (hash / 2^11 + ½) / 2^53 is never 0 or 1; u = m · 2^(exponent) with m in [1, 2)
        double u = ((hash >> 11) + 0.5) * (1.0 / (1UL << 53));
        long bits = BitConverter.DoubleToInt64Bits(u);
        int exponent = (int)(bits >> 52) - 1023;
        double m = BitConverter.Int64BitsToDouble((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
        if (m > 1.4142135623730951)
        {
            m *= 0.5;
            exponent++;
        }

        // ln m = 2·artanh(s), s = (m−1)/(m+1), |s| ≤ 0.172: eleven odd terms leave less than 1e-17
        double s = (m - 1) / (m + 1);
        double s2 = s * s;
        double sum = 0;
        for (int k = 21; k >= 1; k -= 2)
        {
            sum = (sum * s2) + (1.0 / k);
        }

        return -((2 * s * sum) + (exponent * Ln2));
    }
}
