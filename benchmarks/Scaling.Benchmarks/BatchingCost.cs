using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using System.Threading.Tasks.Dataflow;
using Scaling.Batching;

namespace Scaling.Benchmarks;

/// <summary>What a batcher costs when the store costs nothing: 64 producers, one item after the other, each round in turn with its peers.</summary>
internal sealed class BatchingCost : IMacro
{
    private const int Producers = 64;
    private const int ItemsPerProducer = 20_000;
    private const int Rounds = 9;
    private const int BatchSize = 1_000;

    public string Name => "batching-cost";

    public async Task RunAsync()
    {
        (string Name, Func<IPeer> Create)[] peers = [
            ("unbounded channel, nobody is answered", () => new PlainChannel()),
            ("Dataflow BatchBlock, nobody is answered", () => new Dataflow()),
            ("TaskCompletionSource per item", () => new TaskPerItem()),
            ("**WriteBatcher&lt;T&gt;**", () => new Ours(default)),
            ("**WriteBatcher&lt;T&gt;**, callers with a token", () => new Ours(new CancellationTokenSource().Token)),
            ("**WriteBatcher&lt;T&gt;**, 100 writes at a time each", () => new OursBurst())];
        var time = new double[peers.Length][];
        var cpu = new double[peers.Length][];
        var bytes = new double[peers.Length][];
        for (int round = -1; round < Rounds; round++)
        {
            for (int i = 0; i < peers.Length; i++)
            {
                (double Time, double Cpu, double Bytes) cost = await MeasureAsync(peers[i].Create());
                if (round >= 0)
                {
                    (time[i] ??= new double[Rounds])[round] = cost.Time;
                    (cpu[i] ??= new double[Rounds])[round] = cost.Cpu;
                    (bytes[i] ??= new double[Rounds])[round] = cost.Bytes;
                }
            }
        }

        Console.WriteLine($"| {Producers} producers, {Environment.ProcessorCount} cores | ns per item, median | best | CPU ns per item, median | bytes per item |\n|---|--:|--:|--:|--:|");
        for (int i = 0; i < peers.Length; i++)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {peers[i].Name} | {Median(time[i]):0} | {time[i].Min():0} | {Median(cpu[i]):0} | {Median(bytes[i]):0.0} |"));
        }
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    private static async Task<(double Time, double Cpu, double Bytes)> MeasureAsync(IPeer peer)
    {
        await using IPeer scope = peer;
        await peer.WriteAsync(1_000); // JIT, pools
        GC.Collect();
        const double Items = Producers * ItemsPerProducer;
        long allocated = GC.GetTotalAllocatedBytes(precise: true);
        TimeSpan worked = Process.GetCurrentProcess().TotalProcessorTime;
        long started = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Producers).Select(_ => Task.Run(() => peer.WriteAsync(ItemsPerProducer))));
        await peer.FinishAsync();
        double time = Stopwatch.GetElapsedTime(started).TotalNanoseconds / Items;
        double cpu = (Process.GetCurrentProcess().TotalProcessorTime - worked).TotalNanoseconds / Items;
        return (time, cpu, (GC.GetTotalAllocatedBytes(precise: true) - allocated) / Items);
    }

    private interface IPeer : IAsyncDisposable
    {
        /// <summary>One producer's items.</summary>
        Task WriteAsync(int items);

        /// <summary>Completes when everything has arrived at the store.</summary>
        Task FinishAsync() => Task.CompletedTask;
    }

    private sealed class PlainChannel : IPeer
    {
        private readonly Channel<long> _channel = Channel.CreateUnbounded<long>(new() { SingleReader = true });
        private readonly Task _reading;

        public PlainChannel() => _reading = Task.Run(async () =>
        {
            var batch = new List<long>(BatchSize);
            while (await _channel.Reader.WaitToReadAsync())
            {
                while (_channel.Reader.TryRead(out long item))
                {
                    batch.Add(item);
                    if (batch.Count == BatchSize)
                    {
                        batch.Clear();
                    }
                }

                batch.Clear();
            }
        });

        public async Task WriteAsync(int items)
        {
            for (int i = 0; i < items; i++)
            {
                await _channel.Writer.WriteAsync(i);
            }
        }

        public Task FinishAsync()
        {
            _channel.Writer.TryComplete();
            return _reading;
        }

        public ValueTask DisposeAsync() => new(FinishAsync());
    }

    private sealed class Dataflow : IPeer
    {
        private readonly BatchBlock<long> _batch = new(BatchSize);
        private readonly ActionBlock<long[]> _store = new(_ => { });

        public Dataflow() => _batch.LinkTo(_store, new() { PropagateCompletion = true });

        public async Task WriteAsync(int items)
        {
            for (int i = 0; i < items; i++)
            {
                await _batch.SendAsync(i);
            }
        }

        public Task FinishAsync()
        {
            _batch.Complete();
            return _store.Completion;
        }

        public ValueTask DisposeAsync() => new(FinishAsync());
    }

    /// <summary>The batcher as most people write it: a task source per item, natural batches, no bound, no cancellation, no poison.</summary>
    private sealed class TaskPerItem : IPeer
    {
        private readonly Channel<(long Item, TaskCompletionSource<long> Done)> _channel = Channel.CreateUnbounded<(long, TaskCompletionSource<long>)>(new() { SingleReader = true });
        private readonly Func<long[], Task> _store = _ => Task.CompletedTask;
        private readonly Task _reading;

        public TaskPerItem() => _reading = Task.Run(async () =>
        {
            var batch = new List<(long Item, TaskCompletionSource<long> Done)>(BatchSize);
            while (await _channel.Reader.WaitToReadAsync())
            {
                while (batch.Count < BatchSize && _channel.Reader.TryRead(out (long, TaskCompletionSource<long>) item))
                {
                    batch.Add(item);
                }

                await _store([.. batch.Select(item => item.Item)]);
                foreach ((long item, TaskCompletionSource<long> done) in batch)
                {
                    done.SetResult(item);
                }

                batch.Clear();
            }
        });

        public async Task WriteAsync(int items)
        {
            for (int i = 0; i < items; i++)
            {
                var done = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
                await _channel.Writer.WriteAsync((i, done));
                await done.Task;
            }
        }

        public ValueTask DisposeAsync()
        {
            _channel.Writer.Complete();
            return new(_reading);
        }
    }

    private class Ours(CancellationToken token) : IPeer
    {
        protected WriteBatcher<long> Batcher { get; } = new((_, _) => Task.CompletedTask, new() { MaxBatchSize = BatchSize });

        public virtual async Task WriteAsync(int items)
        {
            for (int i = 0; i < items; i++)
            {
                await Batcher.WriteAsync(i, token);
            }
        }

        public ValueTask DisposeAsync() => Batcher.DisposeAsync();
    }

    private sealed class OursBurst() : Ours(default)
    {
        public override async Task WriteAsync(int items)
        {
            var some = new ValueTask[100];
            for (int i = 0; i < items; i += some.Length)
            {
                for (int k = 0; k < some.Length; k++)
                {
#pragma warning disable CA2012 // each is awaited once, a few lines below
                    some[k] = Batcher.WriteAsync(i + k);
#pragma warning restore CA2012
                }

                foreach (ValueTask one in some)
                {
                    await one;
                }
            }
        }
    }
}
