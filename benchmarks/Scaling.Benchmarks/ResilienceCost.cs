using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using BenchmarkDotNet.Attributes;
using Polly;

namespace Scaling.Benchmarks;

/// <summary>
/// The calls of <see cref="ResilienceOverhead"/> for a machine that others use too: Polly's strategy and ours take turns in short blocks, and the
/// quickest block of each is compared. What disturbs a block only ever makes it slower, so the quickest is the one nearest to undisturbed.
/// </summary>
internal sealed class ResilienceCost : IMacro
{
    private const int Calls = 20_000;
    private const int Rounds = 300;

    public string Name => "resilience-cost";

    public Task RunAsync()
    {
        var overhead = new ResilienceOverhead();
        Console.WriteLine("| strategy | Polly | ours | ratio | allocated: Polly / ours |\n|---|--:|--:|--:|--:|");
        foreach (IGrouping<string, MethodInfo> category in typeof(ResilienceOverhead).GetMethods()
            .Where(method => method.IsDefined(typeof(BenchmarkAttribute)))
            .GroupBy(method => method.GetCustomAttribute<BenchmarkCategoryAttribute>()!.Categories[0])
            .Where(category => category.Count() > 1))
        {
            Measured[] all = [.. category.OrderBy(method => !method.GetCustomAttribute<BenchmarkAttribute>()!.Baseline).Select(method => new Measured(method, overhead))];
            for (int round = 0; round < Rounds; round++)
            {
                foreach (Measured one in all)
                {
                    one.Run();
                }
            }

            foreach (Measured ours in all.Skip(1))
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {all[0].Name} / {ours.Name} | {all[0].Best:N0} ns | {ours.Best:N0} ns | {ours.Best / all[0].Best:N2} | {all[0].Bytes:N0} B / {ours.Bytes:N0} B |"));
            }
        }

        return Task.CompletedTask;
    }

    private sealed class Measured(MethodInfo method, ResilienceOverhead overhead)
    {
        private readonly Func<ValueTask<Outcome<int>>> _call = method.CreateDelegate<Func<ValueTask<Outcome<int>>>>(overhead);

        public string Name => method.Name;

        public double Best { get; private set; } = double.MaxValue;

        public double Bytes { get; private set; }

        public void Run()
        {
            long bytes = GC.GetAllocatedBytesForCurrentThread();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Calls; i++)
            {
                ValueTask<Outcome<int>> call = _call();
                _ = call.IsCompletedSuccessfully ? call.Result : throw new InvalidOperationException($"{Name} must end at once.");
            }

            Best = Math.Min(Best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / Calls);
            Bytes = (GC.GetAllocatedBytesForCurrentThread() - bytes) / (double)Calls;
        }
    }
}
