namespace Scaling.Resilience.Tests.Simulation;

/// <summary>How service times vary: factors with a mean of 1.</summary>
internal static class Spreads
{
    public static double Steady(Random random) => 0.8 + (0.4 * random.NextDouble());

    public static double Exponential(Random random) => -Math.Log(1 - random.NextDouble());

    /// <summary>What most services show: a long tail, one in a hundred takes six times the mean.</summary>
    public static double Lognormal(Random random)
    {
        double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return Math.Exp(normal - 0.5);
    }

    /// <summary>Hits and misses of a cache: nine of ten take half the mean, the tenth eleven times as long as they.</summary>
    public static double Bimodal(Random random) => random.Next(10) == 0 ? 5.5 : 0.5;
}
