using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;

namespace Scaling.Benchmarks;

/// <summary>The lookups of <see cref="ShardingLookup"/> taken in turn, round after round, best round of each: ratios that hold on a busy machine.</summary>
internal sealed class ShardingLookupMacro : IMacro
{
    private const int Rounds = 60;
    private const int Lookups = 20_000;

    public string Name => "sharding-lookup";

    public Task RunAsync()
    {
        Console.WriteLine("| ns per lookup (× the hash of the same key), bytes | 3 shards | 10 | 100 | 1,000 |\n|---|--:|--:|--:|--:|");
        int[] sizes = [3, 10, 100, 1_000];
        ShardingLookup[] benchmarks = [.. sizes.Select(size => new ShardingLookup { Shards = size })];
        foreach (ShardingLookup benchmark in benchmarks)
        {
            benchmark.Build();
        }

        (string Name, Func<ShardingLookup, (double, long)> Measure, int Yardstick)[] rows = [
            ("System.IO.Hashing's XxHash3 of a text's UTF-8", Measure<TextXxHash, ulong>, 0), ("`ShardKey` of the text alone", Measure<TextHash, ulong>, 0), ("modulo", Measure<Modulo, string>, 0), ("SortedDictionary ring", Measure<SortedRing, string>, 0),
            ("**ShardMap**", Measure<BySlots, string>, 0), ("HashRing", Measure<ByRing, string>, 0), ("RendezvousMap", Measure<ByScore, string>, 0),
            ("JumpMap", Measure<ByJump, string>, 0), ("MaglevMap", Measure<ByMaglev, string>, 0), ("KetamaRing (MD5)", Measure<ByKetama, string>, 0),
            ("System.IO.Hashing's XxHash3 of a number", Measure<NumberXxHash, ulong>, 10), ("**ShardMap**, number", Measure<BySlotsNumber, string>, 10),
            ("System.IO.Hashing's XxHash3 of a Guid", Measure<GuidXxHash, ulong>, 12), ("**ShardMap**, Guid", Measure<BySlotsGuid, string>, 12)];
        var best = new (double Time, long Bytes)[rows.Length, sizes.Length];
        for (int round = 0; round < Rounds; round++)
        {
            for (int row = 0; row < rows.Length; row++)
            {
                for (int size = 0; size < sizes.Length; size++)
                {
                    (double time, long bytes) = rows[row].Measure(benchmarks[size]);
                    best[row, size] = round == 0 ? (time, bytes) : (Math.Min(best[row, size].Time, time), Math.Min(best[row, size].Bytes, bytes));
                }
            }
        }

        for (int row = 0; row < rows.Length; row++)
        {
            int hash = rows[row].Yardstick;
            Console.WriteLine($"| {rows[row].Name} | " + string.Join(" | ", sizes.Select((_, size) => string.Create(
                CultureInfo.InvariantCulture, $"{best[row, size].Time:0.0} ({best[row, size].Time / best[hash, size].Time:0.00}), {best[row, size].Bytes} B"))) + " |");
        }

        return Task.CompletedTask;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (double Nanoseconds, long Bytes) Measure<TLookup, TResult>(ShardingLookup benchmark)
        where TLookup : struct, ILookup<TResult>
    {
        TResult? last = default;
        long bytes = GC.GetAllocatedBytesForCurrentThread();
        long started = Stopwatch.GetTimestamp();
        for (int i = 0; i < Lookups; i++)
        {
            last = TLookup.Run(benchmark);
        }

        TimeSpan elapsed = Stopwatch.GetElapsedTime(started);
        bytes = GC.GetAllocatedBytesForCurrentThread() - bytes;
        GC.KeepAlive(last);
        return (elapsed.TotalNanoseconds / Lookups, bytes / Lookups);
    }

    private interface ILookup<TResult>
    {
        static abstract TResult Run(ShardingLookup benchmark);
    }

    private readonly struct TextXxHash : ILookup<ulong> { public static ulong Run(ShardingLookup benchmark) => benchmark.XxHash3OfText(); }

    private readonly struct TextHash : ILookup<ulong> { public static ulong Run(ShardingLookup benchmark) => benchmark.HashOfTextAlone(); }

    private readonly struct NumberXxHash : ILookup<ulong> { public static ulong Run(ShardingLookup benchmark) => benchmark.XxHash3OfNumber(); }

    private readonly struct GuidXxHash : ILookup<ulong> { public static ulong Run(ShardingLookup benchmark) => benchmark.XxHash3OfGuid(); }

    private readonly struct BySlotsGuid : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.ShardMapByGuid(); }

    private readonly struct Modulo : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.Modulo(); }

    private readonly struct SortedRing : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.SortedDictionaryRing(); }

    private readonly struct BySlots : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.ShardMap(); }

    private readonly struct BySlotsNumber : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.ShardMapByNumber(); }

    private readonly struct ByRing : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.HashRing(); }

    private readonly struct ByScore : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.RendezvousMap(); }

    private readonly struct ByJump : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.JumpMap(); }

    private readonly struct ByMaglev : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.MaglevMap(); }

    private readonly struct ByKetama : ILookup<string> { public static string Run(ShardingLookup benchmark) => benchmark.KetamaRing(); }
}
