namespace TierDemo.Climb;

/// <summary>How a step went.</summary>
internal enum Outcome
{
    /// <summary>As the guide expects, or clearly better than the tier before.</summary>
    Ok,

    /// <summary>Not so.</summary>
    Not,

    /// <summary>One machine cannot show it.</summary>
    Fleet,
}

/// <summary>What a step showed, against what the guide expects of it.</summary>
internal sealed record Verdict(int Tier, Outcome Outcome, string Step, string Measured, string Expected)
{
    /// <summary>Less than a tenth more is noise, on a machine that also runs the load and the databases.</summary>
    public const double Clearly = 1.1;

    public string Word => Outcome switch
    {
        Outcome.Ok => "ok",
        Outcome.Not => "not",
        _ => "fleet",
    };

    public static Verdict Of(int tier, bool ok, string step, string measured, string expected) =>
        new(tier, ok ? Outcome.Ok : Outcome.Not, step, measured, expected);

    /// <summary>The same measure in an earlier tier of the same run must be clearly lower.</summary>
    public static Verdict Faster(int tier, string step, double now, int earlierTier, double earlier, string expected)
    {
        double ratio = now / earlier;
        return Of(tier, ratio >= Clearly, step, $"{now:N0}/s, {Text.Times(ratio)} tier {earlierTier} ({earlier:N0}/s)", expected);
    }

    /// <summary>The tier's name is a rate: whether this machine reached it with the mixed traffic.</summary>
    public static Verdict Goal(int tier, double measured)
    {
        int goal = (int)Math.Pow(10, tier + 2);
        return new Verdict(
            tier,
            measured >= goal ? Outcome.Ok : tier == 1 ? Outcome.Not : Outcome.Fleet,
            $"{goal:N0} req/s",
            $"{measured:N0} req/s, mixed traffic",
            tier switch
            {
                1 => "about 1,000 req/s with 20 VUs",
                2 => "8,000 to 12,000 req/s, on 8 cores of its own",
                3 => "20,000 to 50,000 of the 100,000 on one machine, cached reads alone",
                _ => "not on one machine: the guide says so too",
            });
    }
}
