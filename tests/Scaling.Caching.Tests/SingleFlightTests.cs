using System.Diagnostics;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

/// <summary>One load for all who want a key at the same time, and whose cancellation means what.</summary>
public class SingleFlightTests
{
    private static readonly AsyncLocal<string?> s_tenant = new();

    private readonly CacheAside _cache = Caches.Local();
    private readonly Source _source = new() { Hold = new() };

    [Fact]
    public async Task A_thousand_callers_share_one_load()
    {
        Task<CacheResult<string>>[] callers = [.. Enumerable.Range(0, 1_000).Select(_ => Task.Run(() => _cache.GetOrLoadAsync("k", _source.LoadAsync).AsTask()))];
        await Until.TrueAsync(() => _source.Loads == 1, "the load runs");
        _source.Hold!.SetResult();

        CacheResult<string>[] results = await Task.WhenAll(callers);

        Assert.All(results, result => Assert.Equal("v1", result.Value));
        Assert.Equal(1, _source.Loads);
        Assert.Single(results, result => result is { Status: CacheStatus.Miss, Collapsed: false });
    }

    [Fact]
    public async Task The_leader_giving_up_fails_nobody_else()
    {
        using var leaves = new CancellationTokenSource();
        CancellationToken seen = default;
        Task<CacheResult<string>> leader = _cache.GetOrLoadAsync("k", token => { seen = token; return _source.LoadAsync(token); }, cancellationToken: leaves.Token).AsTask();
        Task<CacheResult<string>> follower = _cache.GetOrLoadAsync("k", _source.LoadAsync).AsTask();

        await leaves.CancelAsync();
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leader);
        Assert.Equal(leaves.Token, cancelled.CancellationToken);
        Assert.False(seen.IsCancellationRequested);
        _source.Hold!.SetResult();

        Assert.Equal("v1", (await follower).Value);
        Assert.Equal(1, _source.Loads);
    }

    [Fact]
    public async Task When_all_give_up_the_load_is_cancelled_and_its_place_is_free()
    {
        await using CacheAside cache = Caches.Local(o => (o.MaxConcurrentLoads, o.LoadQueueTimeout) = (1, TimeSpan.Zero));
        using var leaves = new CancellationTokenSource();
        var ended = new TaskCompletionSource();
        async Task<string> Load(CancellationToken token)
        {
            try
            {
                return await _source.LoadAsync(token);
            }
            finally
            {
                ended.TrySetResult();
            }
        }

        Task[] callers = [.. Enumerable.Range(0, 3).Select(_ => cache.GetOrLoadAsync("k", Load, cancellationToken: leaves.Token).AsTask())];
        await leaves.CancelAsync();

        foreach (Task caller in callers)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => caller);
        }

        await ended.Task.WaitAsync(Until.Patience);
        _source.Hold = null;
        await Until.TrueAsync(async () =>
        {
            try
            {
                return (await cache.GetOrLoadAsync("other", _source.LoadAsync)).Value == "v1";
            }
            catch (CacheLoadShedException)
            {
                return false;
            }
        }, "the cancelled load gave its place back");
        Assert.Equal(CacheStatus.Miss, (await cache.GetOrLoadAsync("k", _source.LoadAsync)).Status);
    }

    [Fact]
    public async Task Who_joins_while_the_last_one_leaves_gets_a_value_and_never_the_others_cancellation()
    {
        for (int i = 0; i < 2_000; i++)
        {
            string key = "k" + i;
            using var leaves = new CancellationTokenSource();
            Task<CacheResult<int>> leaver = _cache.GetOrLoadAsync(key, token => Yielding(token, i), cancellationToken: leaves.Token).AsTask();
            Task leaving = Task.Run(leaves.Cancel);
            CacheResult<int> joined = await _cache.GetOrLoadAsync(key, token => Yielding(token, i));

            Assert.Equal(i, joined.Value);
            await leaving;
            try
            {
                Assert.Equal(i, (await leaver).Value);
            }
            catch (OperationCanceledException exception)
            {
                Assert.Equal(leaves.Token, exception.CancellationToken);
            }
        }

        static async Task<int> Yielding(CancellationToken token, int value)
        {
            for (int i = 0; i < 3; i++)
            {
                await Task.Yield();
                token.ThrowIfCancellationRequested();
            }

            return value;
        }
    }

    [Fact]
    public void A_flight_that_everybody_left_takes_nobody_on_and_the_next_caller_leads_another()
    {
        var flights = new Flights(new Generations());
        var key = new FlightKey("k", typeof(int), default);
        Flight<int> abandoned = flights.JoinOrLead<int>(key, keySlot: 0, tagSlots: [], out bool leads);
        Assert.True(leads);
        Assert.True(abandoned.TryJoin());
        abandoned.Leave();
        Assert.False(abandoned.Token.IsCancellationRequested);
        abandoned.Leave();

        Assert.True(abandoned.Token.IsCancellationRequested);
        Assert.False(abandoned.TryJoin());
        Assert.NotSame(abandoned, flights.JoinOrLead<int>(key, keySlot: 0, tagSlots: [], out leads));
        Assert.True(leads);
    }

    [Fact]
    public async Task What_surrounds_the_caller_reaches_the_load_also_with_a_token_that_can_be_cancelled()
    {
        using var listener = new ActivityListener { ShouldListenTo = _ => true, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData };
        ActivitySource.AddActivityListener(listener);
        using Activity caller = new Activity("request").Start();
        using var token = new CancellationTokenSource();
        s_tenant.Value = "tenant";

        (string?, ActivitySpanId?, string?) seen = (await _cache.GetOrLoadAsync(
            "k",
            async _ =>
            {
                await Task.Yield();
                return (s_tenant.Value, Activity.Current?.ParentSpanId, Activity.Current?.Source.Name);
            },
            cancellationToken: token.Token)).Value;

        Assert.Equal(("tenant", caller.SpanId, "Scaling.Caching"), seen);
        Assert.Same(caller, Activity.Current);
    }

    [Fact]
    public async Task A_failure_reaches_all_who_wait_and_is_not_cached()
    {
        _source.Fault = new IOException("away");
        Task<CacheResult<string>>[] callers = [.. Enumerable.Range(0, 5).Select(_ => _cache.GetOrLoadAsync("k", _source.LoadAsync).AsTask())];
        _source.Hold!.SetResult();
        foreach (Task caller in callers)
        {
            Assert.Same(_source.Fault, await Assert.ThrowsAsync<IOException>(() => caller));
        }

        (_source.Fault, _source.Hold) = (null, null);
        Assert.Equal(CacheStatus.Miss, (await _cache.GetOrLoadAsync("k", _source.LoadAsync)).Status);
    }

    [Fact]
    public async Task A_load_that_throws_before_it_returns_a_task_fails_like_any_other()
    {
        await Assert.ThrowsAsync<IOException>(() => _cache.GetOrLoadAsync<string>("k", _ => throw new IOException("at once")).AsTask());

        _source.Hold = null;
        Assert.Equal(CacheStatus.Miss, (await _cache.GetOrLoadAsync("k", _source.LoadAsync)).Status);
    }

    [Fact]
    public async Task Sharing_callers_of_a_type_that_can_change_do_not_see_each_others_edits()
    {
        async Task<List<int>> Load(CancellationToken token)
        {
            await _source.LoadAsync(token);
            return [1];
        }

        Task<CacheResult<List<int>>>[] callers = [.. Enumerable.Range(0, 4).Select(_ => _cache.GetOrLoadAsync("k", Load).AsTask())];
        _source.Hold!.SetResult();
        foreach (CacheResult<List<int>> result in await Task.WhenAll(callers))
        {
            Assert.Equal([1], result.Value);
            result.Value.Add(2);
        }

        Assert.Equal([1], (await _cache.GetOrLoadAsync("k", Load)).Value);
    }
}
