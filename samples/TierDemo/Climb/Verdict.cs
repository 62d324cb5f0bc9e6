namespace TierDemo.Climb;

/// <summary>How a step went.</summary>
internal enum Outcome
{
    /// <summary>As the guide expects, or clearly better than the tier before.</summary>
    Ok,

    /// <summary>Not so.</summary>
    Not,

    /// <summary>This machine cannot show it; the text says why.</summary>
    Beyond,
}

/// <summary>What a step showed, against what the guide expects of it.</summary>
internal sealed record Verdict(int Tier, Outcome Outcome, string Step, string Measured, string Expected)
{
    /// <summary>Less than a tenth more is noise, on a machine that also runs the load and the databases.</summary>
    public const double Clearly = 1.1;

    private const double AllBusy = 0.8;

    public string Word => Outcome switch
    {
        Outcome.Ok => "ok",
        Outcome.Not => "not",
        _ => "n/a",
    };

    public static Verdict Of(int tier, bool ok, string step, string measured, string expected) =>
        new(tier, ok ? Outcome.Ok : Outcome.Not, step, measured, expected);

    /// <summary>The same measure in an earlier tier of the same run must be clearly lower.</summary>
    public static Verdict Faster(int tier, string step, double now, int earlierTier, double earlier, string expected)
    {
        double ratio = now / earlier;
        return Of(tier, ratio >= Clearly, step, $"{now:N0}/s, {Text.Times(ratio)} tier {earlierTier} ({earlier:N0}/s)", expected);
    }

    /// <summary>
    /// More workers need idle cores. Where the tier before kept the whole machine busy already (generator and databases included), there are none,
    /// and no faster tier here is no verdict on the tier.
    /// </summary>
    public static Verdict FasterIfCoresWereIdle(int tier, string step, double now, int earlierTier, double earlier, double? busyEarlier, string expected)
    {
        Verdict verdict = Faster(tier, step, now, earlierTier, earlier, expected);
        return verdict.Outcome == Outcome.Not && busyEarlier is > AllBusy
            ? verdict with { Outcome = Outcome.Beyond, Measured = $"{verdict.Measured}: no core to spare, tier {earlierTier} under load kept {busyEarlier:P0} of this machine busy" }
            : verdict;
    }

    /// <summary>The tier's name is a rate: whether this machine reached it with the mixed traffic.</summary>
    public static Verdict Goal(int tier, double measured)
    {
        int goal = (int)Math.Pow(10, tier + 2);
        return new Verdict(
            tier,
            measured >= goal ? Outcome.Ok : tier == 1 ? Outcome.Not : Outcome.Beyond,
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
