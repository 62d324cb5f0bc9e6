using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Scaling.Batching.Tests;

/// <summary>Batchers of a host: registered, validated and drained.</summary>
public class HostTests
{
    [Fact]
    public async Task The_host_drains_its_batchers_after_everything_else_has_stopped()
    {
        var store = new ConcurrentBag<string>();
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddWriteBatcher<string>((_, items, _) => Add(items), options => options.MaxDelay = TimeSpan.FromMinutes(10));
        builder.Services.AddKeyedWriteBatcher<string, string>("a", async (_, items, _) =>
        {
            await Add(items);
            return items;
        });
        builder.Services.AddHostedService<LastWriter>();
        using IHost host = builder.Build();
        await host.StartAsync();
        var keyed = host.Services.GetRequiredKeyedService<WriteBatcher<string, string>>("a");
        Task<string> write = keyed.WriteAsync("keyed").AsTask();
        await host.StopAsync().WithinDeadline();
        await write.WithinDeadline();
        Assert.Equal(["keyed", "while stopping"], store.Order());
        Assert.Throws<WriteRejectedException>(() => { _ = keyed.WriteAsync("late").AsTask(); });

        Task Add(IReadOnlyList<string> items)
        {
            foreach (string item in items)
            {
                store.Add(item);
            }

            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Wrong_options_fail_at_start()
    {
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Services.AddWriteBatcher<string>((_, _, _) => Task.CompletedTask, options => options.Capacity = 0);
        using IHost host = builder.Build();
        Assert.Contains("Capacity must be at least 1", (await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync())).Message);
    }

    private sealed class LastWriter(WriteBatcher<string> batcher) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            _ = batcher.WriteAsync("while stopping", cancellationToken).AsTask();
            return Task.CompletedTask;
        }
    }
}
