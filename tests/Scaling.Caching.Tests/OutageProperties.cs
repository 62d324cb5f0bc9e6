using System.Collections.Concurrent;
using FsCheck.Xunit;
using LocalServices;
using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Tests;

/// <summary>
/// Three nodes over a real Redis against a model that knows, for every key, the newest version and the one before which nothing may be returned any more.
/// A script of random bytes reads, loads slowly, writes, invalidates, cuts the bus, evicts marks and takes Redis away: paused, killed and restarted empty,
/// killed and restarted with what it had on its disk.
/// </summary>
public sealed class OutageProperties : IAsyncLifetime
{
    private const int Nodes = 3;
    private static readonly HybridCacheEntryOptions PastMemory = new() { Flags = HybridCacheEntryFlags.DisableLocalCache };
    private static readonly string[] Keys = ["a", "b", "c", "d"];
    private static readonly string[][] TagsOf = [["x"], ["x", "y"], ["y"], []];

    private LocalRedis _redis = null!;
    private int _scripts;

    public async ValueTask InitializeAsync() => _redis = await LocalRedis.StartAsync();

    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    [Property(MaxTest = 8, EndSize = 40)]
    public async Task After_an_acknowledged_invalidation_the_invalidating_node_and_once_recovered_every_node_returns_nothing_older(byte[] script)
    {
        await using var run = await Run.StartAsync(_redis, $"p{++_scripts}:");
        foreach (byte step in script)
        {
            await run.StepAsync(step);
        }

        await run.RecoverAsync();
    }

    private sealed class Run(LocalRedis redis, CacheAside[] nodes) : IAsyncDisposable
    {
        private readonly int[] _newest = new int[Keys.Length];              // the database
        private readonly int[,] _floor = new int[Nodes, Keys.Length];       // what a node may not go below
        private readonly int[] _acknowledged = new int[Keys.Length];        // what nobody may go below once recovered
        private readonly ConcurrentBag<Task> _slow = [];
        private string _outage = "";
        private int _sentinel;

        public static async Task<Run> StartAsync(LocalRedis redis, string prefix)
        {
            var options = new CacheAsideOptions { KeyPrefix = prefix, EarlyRefresh = 0, RemoteTimeout = TimeSpan.FromMilliseconds(300) };
            options.Guard.JournalCapacity = 3;
            var run = new Run(redis, [.. Enumerable.Range(0, Nodes).Select(_ => new CacheAside(CacheBackend.Redis(redis.ConnectionString), options))]);
            await run.LinkedAsync();
            return run;
        }

        public async Task StepAsync(byte step)
        {
            int node = step % Nodes, key = step / Nodes % Keys.Length;
            switch (step % 19)
            {
                case <= 4:
                    await ReadAsync(node, key, memory: step % 2 == 0);
                    break;
                case 5:
                    await Task.WhenAll(Enumerable.Range(0, Nodes).Select(each => ReadAsync(each, key, memory: true)));
                    break;
                case 6:
                    // a load that is overtaken by an invalidation on another node, and goes on while the script does
                    _newest[key]++;
                    await InvalidateAsync(node, () => nodes[node].InvalidateAsync(Keys[key]), key);
                    _slow.Add(ReadAsync(node, key, memory: true, slow: 30));
                    await ReadAsync((node + 2) % Nodes, key, memory: true);
                    int other = (node + 1) % Nodes;
                    _newest[key]++;
                    await InvalidateAsync(other, () => nodes[other].InvalidateAsync(Keys[key]), key);
                    break;
                case <= 9:
                    _newest[key]++;
                    await InvalidateAsync(node, () => nodes[node].InvalidateAsync(Keys[key]), key);
                    break;
                case 10:
                    await InvalidateTagAsync(node, key % 2 == 0 ? "x" : "y");
                    break;
                case 11:
                    await InvalidateTagAsync(node, "*");
                    break;
                case 12:
                    int version = ++_newest[key];
                    await InvalidateAsync(node, async () => await nodes[node].SetAsync(Keys[key], version, tags: TagsOf[key]), key);
                    break;
                case 13 when _outage.Length == 0:
                    await redis.CommandAsync(["CLIENT", "KILL", "TYPE", "pubsub"]);
                    break;
                case 14 when _outage.Length == 0:
                    await redis.CommandAsync(["EVAL", "for _, k in ipairs(redis.call('KEYS', '*t:*')) do redis.call('DEL', k) end", "0"]);
                    break;
                case 15 when _outage.Length == 0:
                    _outage = "paused";
                    redis.Pause();
                    break;
                case 16 when _outage.Length == 0:
                    _outage = "emptied";
                    await redis.CommandAsync(["FLUSHALL"]);
                    await redis.CommandAsync(["SAVE"]);         // an older dump would come back
                    await redis.KillAsync();
                    break;
                case 17 when _outage.Length == 0:
                    _outage = "reloaded";
                    await redis.CommandAsync(["SAVE"]);
                    await redis.KillAsync();
                    break;
                case 18:
                    await RecoverAsync();
                    break;
            }
        }

        /// <summary>Recovery is complete when Redis is back, every node is linked and owes nothing, and what was on the bus by then has arrived.</summary>
        public async Task RecoverAsync()
        {
            switch (_outage)
            {
                case "paused":
                    redis.Resume();
                    break;
                case "emptied" or "reloaded":
                    await redis.RestartAsync();
                    break;
            }

            _outage = "";
            await Task.WhenAll(_slow);
            int[] acknowledged = [.. _acknowledged];
            await LinkedAsync();
            await SettledAsync();
            for (int node = 0; node < Nodes; node++)
            {
                for (int key = 0; key < Keys.Length; key++)
                {
                    _floor[node, key] = Math.Max(_floor[node, key], acknowledged[key]);
                }
            }

            for (int key = 0; key < Keys.Length; key++)
            {
                await Task.WhenAll(Enumerable.Range(0, Nodes).SelectMany(node => (Task[])[ReadAsync(node, key, memory: true), ReadAsync(node, key, memory: false)]));
            }
        }

        public async ValueTask DisposeAsync()
        {
            await Task.WhenAll(_slow);
            foreach (CacheAside node in nodes)
            {
                await node.DisposeAsync();
            }
        }

        private async Task ReadAsync(int node, int key, bool memory, int slow = 0)
        {
            int floor = _floor[node, key];
            int value = await nodes[node].GetOrCreateAsync(
                Keys[key],
                async token =>
                {
                    int version = Volatile.Read(ref _newest[key]);
                    await Task.Delay(slow > 0 ? slow : version % 3, token);
                    return version;
                },
                memory ? null : PastMemory,
                TagsOf[key]);
            Assert.InRange(value, floor, Volatile.Read(ref _newest[key]));
        }

        private async Task InvalidateTagAsync(int node, string tag)
        {
            int[] keys = [.. Enumerable.Range(0, Keys.Length).Where(key => tag == "*" || TagsOf[key].Contains(tag))];
            foreach (int key in keys)
            {
                _newest[key]++;
            }

            await InvalidateAsync(node, () => nodes[node].InvalidateTagAsync(tag), keys);
        }

        private async Task InvalidateAsync<T>(int node, Func<ValueTask<T>> invalidate, params int[] keys)
        {
            int[] versions = [.. keys.Select(key => _newest[key])];
            await invalidate();
            foreach ((int key, int version) in keys.Zip(versions))
            {
                _floor[node, key] = Math.Max(_floor[node, key], version);
                _acknowledged[key] = version;
            }
        }

        private Task InvalidateAsync(int node, Func<Task> invalidate, params int[] keys) => InvalidateAsync(
            node,
            async () =>
            {
                await invalidate();
                return true;
            },
            keys);

        private Task LinkedAsync() => Until.TrueAsync(
            () => nodes.All(node => node.Remote is { State: Internal.GuardState.Closed, DeafSince: long.MaxValue, Owed: 0 }), "all nodes are linked and owe nothing");

        // one Redis delivers in order: who has heard of the sentinel has heard of everything before it
        private async Task SettledAsync()
        {
            foreach (CacheAside node in nodes)
            {
                await node.GetOrCreateAsync("sentinel", _ => ValueTask.FromResult(_sentinel));
            }

            int sentinel = ++_sentinel;
            await nodes[0].InvalidateAsync("sentinel");
            foreach (CacheAside node in nodes)
            {
                await Until.TrueAsync(async () => await node.GetOrCreateAsync("sentinel", _ => ValueTask.FromResult(sentinel)) >= sentinel, "the bus has delivered");
            }
        }
    }
}
