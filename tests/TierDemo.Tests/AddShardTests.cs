using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json;
using LocalServices;
using Npgsql;
using TierDemo.Serve;
using TierDemo.Users;

namespace TierDemo.Tests;

public class AddShardTests
{
    private const int Seeded = 1_000;

    private readonly ConcurrentQueue<long> _acknowledged = new(Enumerable.Range(1, Seeded).Select(id => (long)id));
    private readonly ConcurrentQueue<string> _wrong = new();
    private int _walks;

    [Fact]
    public async Task A_shard_is_added_under_traffic_by_a_command_that_is_killed_twice_and_every_acknowledged_user_is_there_once()
    {
        await using Tier tier = await Tier.StartAsync(4);
        using var stop = new CancellationTokenSource();
        Task[] clients = [.. Enumerable.Range(0, 4).Select(_ => WriteAsync(tier, stop.Token)), WalkAsync(tier, stop.Token), FindAsync(tier, stop.Token)];

        await AddShardAsync(tier, killedAt: "copying");
        await AddShardAsync(tier, killedAt: "cut over");
        await AddShardAsync(tier, killedAt: null);

        await stop.CancelAsync();
        await Task.WhenAll(clients);
        Assert.Empty(_wrong);
        Assert.True(_walks > 0);
        IReadOnlyDictionary<string, string> shards = await new ShardDirectory(tier.Backends.Settings.Primary).ReadAsync(CancellationToken.None);
        Assert.Equal(4, shards.Count);
        var stored = new List<long>();
        foreach (string shard in shards.Values)
        {
            List<long> ids = await IdsAsync(shard);
            Assert.NotEmpty(ids);
            stored.AddRange(ids);
        }

        Assert.Equal(_acknowledged.Order(), stored.Order());
        Assert.Equal(_acknowledged.Order(), await ListAsync(tier));
        Assert.All(_acknowledged.Chunk(_acknowledged.Count / 50).Select(ids => ids[0]), id => Assert.Equal(200, tier.SendAsync(HttpMethod.Get, $"/api/users/{id}").Result.Status));
    }

    private static async Task AddShardAsync(Tier tier, string? killedAt)
    {
        await using LocalProcess process = LocalProcess.Start(
            "add-shard", [Binaries.Find("dotnet"), typeof(TierServer).Assembly.Location, "add-shard", "--postgres", tier.Backends.Settings.Primary]);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(90));
        if (killedAt is null)
        {
            int code = await process.WaitForExitAsync(deadline.Token);
            Assert.True(code == 0, process.LogTail());
            return;
        }

        while (!process.LogTail().Contains(killedAt, StringComparison.Ordinal))
        {
            Assert.False(process.HasExited, process.LogTail());
            await Task.Delay(5, deadline.Token);
        }

        await process.KillAsync();
    }

    private async Task WriteAsync(Tier tier, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using HttpResponseMessage answer = await tier.Client.PostAsJsonAsync("/api/users", new { name = "Ada", email = "ada@example.org" }, CancellationToken.None);
            string body = await answer.Content.ReadAsStringAsync(CancellationToken.None);
            if ((int)answer.StatusCode != 201)
            {
                _wrong.Enqueue($"POST answered {(int)answer.StatusCode} {body}");
                continue;
            }

            _acknowledged.Enqueue(JsonDocument.Parse(body).RootElement.GetProperty("id").GetInt64());
        }
    }

    private async Task FindAsync(Tier tier, CancellationToken stop)
    {
        for (int id = 1; !stop.IsCancellationRequested; id = (id % Seeded) + 1)
        {
            (int status, _, string body) = await tier.SendAsync(HttpMethod.Get, $"/api/users/{id}");
            if (status != 200)
            {
                _wrong.Enqueue($"GET user {id} answered {status} {body}");
            }

            await Task.Delay(20, CancellationToken.None); // a user read once is in the cache from then on: make them last
        }
    }

    /// <summary>Walks the list over all shards again and again: whatever moves, the first users are each in it once.</summary>
    private async Task WalkAsync(Tier tier, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            List<long> seen = await ListAsync(tier, upTo: Seeded);
            if (!seen.SequenceEqual(Enumerable.Range(1, Seeded).Select(id => (long)id)))
            {
                _wrong.Enqueue($"the list had {seen.Count} of {Seeded} users");
            }

            _walks++;
        }
    }

    private static async Task<List<long>> ListAsync(Tier tier, long upTo = long.MaxValue)
    {
        var ids = new List<long>();
        string? cursor = "";
        while (cursor is not null && (ids.Count == 0 || ids[^1] < upTo))
        {
            (int status, _, string body) = await tier.SendAsync(HttpMethod.Get, $"/api/users?limit=100{(cursor.Length == 0 ? "" : $"&cursor={cursor}")}");
            Assert.True(status == 200, body);
            using JsonDocument page = JsonDocument.Parse(body);
            ids.AddRange(page.RootElement.GetProperty("data").EnumerateArray().Select(user => user.GetProperty("id").GetInt64()));
            cursor = page.RootElement.GetProperty("nextCursor").GetString();
        }

        return [.. ids.Where(id => id <= upTo)];
    }

    private static async Task<List<long>> IdsAsync(string shard)
    {
        await using var source = NpgsqlDataSource.Create(shard);
        await using NpgsqlCommand command = source.CreateCommand("SELECT id FROM users");
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var ids = new List<long>();
        while (await reader.ReadAsync())
        {
            ids.Add(reader.GetInt64(0));
        }

        return ids;
    }
}
