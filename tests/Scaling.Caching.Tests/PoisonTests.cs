using Scaling.Caching.Internal;
using StackExchange.Redis;

namespace Scaling.Caching.Tests;

/// <summary>Whatever lies at a key in Redis, a read never throws and one load heals it.</summary>
public class PoisonTests(Servers servers) : IAsyncLifetime
{
    private readonly Source _source = new("healed");
    private ConnectionMultiplexer _redis = null!;
    private CacheAside _cache = null!;
    private string _prefix = null!;

    public async ValueTask InitializeAsync()
    {
        _prefix = servers.NewPrefix();
        _redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis.ConnectionString);
        _cache = await servers.NodeAsync(_prefix);
    }

    public async ValueTask DisposeAsync()
    {
        await _cache.DisposeAsync();
        await _redis.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private IDatabase Database => _redis.GetDatabase();

    [Fact]
    public async Task A_payload_truncated_at_any_length_heals_in_one_load()
    {
        byte[] good = await GoodAsync();
        for (int length = 0; length < good.Length; length++)
        {
            await HealsInOneLoadAsync(good[..length], $"truncated to {length}");
        }
    }

    [Fact]
    public async Task A_payload_with_any_byte_flipped_or_one_too_many_heals_in_one_load()
    {
        byte[] good = await GoodAsync();
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= (byte)(1 << (at % 8));
            await HealsInOneLoadAsync(bad, $"byte {at} flipped");
        }

        await HealsInOneLoadAsync([.. good, 0], "one byte too many");
    }

    [Fact]
    public async Task Random_bytes_and_those_of_other_programs_heal_in_one_load()
    {
        var random = new Random(20261125);
        for (int i = 0; i < 50; i++)
        {
            var bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            bytes[0] = i % 2 == 0 ? bytes[0] : (byte)0xCA;
            await HealsInOneLoadAsync(bytes, $"random bytes {i}");
        }

        await HealsInOneLoadAsync("{\"Name\":\"Ada\"}"u8.ToArray(), "JSON");
        await HealsInOneLoadAsync("42"u8.ToArray(), "a number");
        await HealsInOneLoadAsync([.. (await GoodAsync()).Select((value, at) => at == 1 ? (byte)2 : value)], "the next version");
    }

    [Fact]
    public async Task A_key_that_another_program_uses_for_a_hash_or_a_list_heals_in_one_load()
    {
        RedisKey raw = _prefix + "v:k";
        await Database.HashSetAsync(raw, "field", "value");
        await HealsInOneLoadAsync("a hash");
        await Database.KeyDeleteAsync(raw);
        await Database.ListLeftPushAsync(raw, "value");
        await HealsInOneLoadAsync("a list");
    }

    [Fact]
    public async Task A_value_of_another_type_heals_in_one_load()
    {
        await _cache.SetAsync("k", new Person("Ada", 36));
        await HealsInOneLoadAsync("another type");
        await _cache.SetAsync<string?>("k", null);      // a null string is a string
        Assert.Null((await _cache.GetOrLoadAsync("k", _source.LoadAsync, Caches.PastMemory)).Value);
        await _cache.SetAsync<Person?>("k", null);
        await HealsInOneLoadAsync("a null of another type");
    }

    [Fact]
    public async Task A_payload_that_the_serializer_cannot_read_heals_in_one_load()
    {
        await _cache.SetAsync("k", new Person("Ada", 36));
        byte[] good = (await Database.StringGetAsync(_prefix + "v:k"))!;
        Assert.True(Envelope.TryReadHeader(good, out EnvelopeHeader header));
        good.AsSpan(header.PayloadOffset).Fill((byte)'!');
        Envelope.WriteHeader(good, header);     // whole and undamaged, as an incompatible build of the same type would leave it
        await Database.StringSetAsync(_prefix + "v:k", good, TimeSpan.FromMinutes(5));
        int loads = 0;
        Task<CacheResult<Person>> Read() => _cache.GetOrLoadAsync("k", _ => Task.FromResult(new Person("Grace", ++loads)), Caches.PastMemory).AsTask();

        CacheResult<Person> healing = await Read();
        Assert.Equal((CacheStatus.Miss, new Person("Grace", 1)), (healing.Status, healing.Value));
        await Until.TrueAsync(async () => (await Read()).Status == CacheStatus.HitDistributed || loads > 1, "Redis has the loaded value");
        Assert.InRange(loads, 1, 2);        // the write goes on behind the first caller's back
    }

    [Fact]
    public async Task A_type_that_can_be_written_but_not_read_back_is_returned_and_never_kept()
    {
        for (int i = 1; i <= 3; i++)
        {
            CacheResult<IName> result = await _cache.GetOrLoadAsync("k", _ => Task.FromResult<IName>(new Person("Ada", i)));
            Assert.Equal((CacheStatus.Miss, new Person("Ada", i), TimeSpan.Zero), (result.Status, (Person)result.Value, result.TimeToLive));
        }
    }

    [Fact]
    public async Task An_oversize_value_is_returned_counted_and_not_kept()
    {
        await using CacheAside small = await servers.NodeAsync(_prefix, o => o.MaxPayloadBytes = 1_000);
        var source = new Source(new string('x', 1_001));
        using var unkept = new MetricSum("scaling.caching.values.unkept");

        Assert.Equal((1_001, CacheStatus.Miss), await LengthAsync());
        Assert.Equal((1_001, CacheStatus.Miss), await LengthAsync());
        Assert.Equal(2, unkept.Of("reason", "oversize", _prefix));
        Assert.Equal(Envelope.LeaseLength, (await Database.StringGetAsync(_prefix + "v:k")).Length());

        source.Value = new string('x', 1_000);
        Assert.Equal((1_000, CacheStatus.Miss), await LengthAsync());
        Assert.Equal((1_000, CacheStatus.HitLocal), await LengthAsync());
        await small.SetAsync("k", new string('x', 1_001));
        Assert.Equal((1_000, CacheStatus.Miss), await LengthAsync());      // the older one is gone all the same

        async Task<(int, CacheStatus)> LengthAsync()
        {
            CacheResult<string> result = await small.GetOrLoadAsync("k", source.LoadAsync);
            return (result.Value.Length, result.Status);
        }
    }

    private async Task<byte[]> GoodAsync()
    {
        await _cache.SetAsync("k", "good", tags: ["t"]);
        return (await Database.StringGetAsync(_prefix + "v:k"))!;
    }

    private async Task HealsInOneLoadAsync(byte[] poison, string what)
    {
        await Database.StringSetAsync(_prefix + "v:k", poison, TimeSpan.FromMinutes(5));
        await HealsInOneLoadAsync(what);
    }

    private async Task HealsInOneLoadAsync(string what)
    {
        int loads = _source.Loads;
        CacheResult<string> healing = await _cache.GetOrLoadAsync("k", _source.LoadAsync, Caches.PastMemory);
        Assert.Equal((what, CacheStatus.Miss, "healed"), (what, healing.Status, healing.Value));
        await Until.TrueAsync(async () => Envelope.TryReadHeader((byte[]?)await Database.StringGetAsync(_prefix + "v:k"), out _), $"Redis has the loaded value: {what}");

        CacheResult<string> healed = await _cache.GetOrLoadAsync("k", _source.LoadAsync, Caches.PastMemory);
        Assert.Equal((what, CacheStatus.HitDistributed, "healed", loads + 1), (what, healed.Status, healed.Value, _source.Loads));
    }

    private interface IName
    {
        string Name { get; }
    }

    private sealed record Person(string Name, int Age) : IName;
}
