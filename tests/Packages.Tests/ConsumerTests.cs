namespace Packages.Tests;

/// <summary>What a user does: a new project somewhere else, <c>dotnet add package</c>, a few lines, run.</summary>
public sealed class ConsumerTests(PackedPackages packed) : IAsyncLifetime
{
    private const string Program = """
        using Microsoft.Extensions.DependencyInjection;
        using Polly;
        using Scaling.Batching;
        using Scaling.Batching.Redis;
        using Scaling.Caching;
        using Scaling.Pagination;
        using Scaling.Resilience;
        using Scaling.Sharding;

        await using var writer = new WriteBatcher<string, int>(
            (names, _) => Task.FromResult<IReadOnlyList<int>>([.. names.Select(name => name.Length)]),
            new WriteBatcherOptions { MaxBatchSize = 100 });
        Console.WriteLine($"batching {await writer.WriteAsync("Ada")}");
        Console.WriteLine($"queue {new QueuedWrite<string>(Guid.Empty, "Ada").Item} {new RedisStreamWriteQueueOptions().MaxLength}");

        await using ServiceProvider services = new ServiceCollection().AddCacheAside(options => options.KeyPrefix = "test:").Services.BuildServiceProvider();
        CacheResult<string> cached = await services.GetRequiredService<CacheAside>().GetOrLoadAsync("user:42", _ => Task.FromResult("Ada"));
        Console.WriteLine($"caching {cached.Value} {cached.Status.ToHeaderValue()}");

        Keyset<User> keyset = Keyset.For<User>().Ascending(user => user.Id);
        Console.WriteLine($"pagination {keyset.ToSql("select id from users", new PageRequest(20)).Text.Contains("LIMIT", StringComparison.OrdinalIgnoreCase)}");

        var pipeline = new ResiliencePipelineBuilder().AddAdaptiveConcurrency().Build();
        Console.WriteLine($"resilience {await pipeline.ExecuteAsync(_ => ValueTask.FromResult(42))}");

        var map = new HashRing(["pg-0"]);
        Console.WriteLine($"sharding {map.GetShard("user:42")}");

        internal sealed record User(long Id);
        """;

    private const string TrimmedProgram = """
        using System.Text.Json.Serialization;
        using Microsoft.Extensions.DependencyInjection;
        using Scaling.Caching;

        await using ServiceProvider services = new ServiceCollection().AddCacheAside().AddJson(Json.Default).Services.BuildServiceProvider();
        CacheAside cache = services.GetRequiredService<CacheAside>();
        await cache.SetAsync("user:42", new User { Name = "Ada" });       // can change, so it is kept as JSON
        CacheResult<User> read = await cache.GetOrLoadAsync<User>("user:42", _ => throw new InvalidOperationException("not asked"));
        Console.WriteLine($"{read.Value.Name} {read.Status}");

        internal sealed class User
        {
            public string Name { get; set; } = "";
        }

        [JsonSerializable(typeof(User))]
        internal sealed partial class Json : JsonSerializerContext;
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("scaling-consumer-").FullName;

    [Fact]
    public async Task A_new_project_adds_every_package_compiles_and_runs()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        await NewProjectAsync("<TreatWarningsAsErrors>true</TreatWarningsAsErrors>", Program, Repository.Packages, cancellationToken);

        string output = await Command.RunAsync(folder, ["dotnet", "run"], cancellationToken);

        Assert.Equal(["batching 3", "queue Ada 1000000", "caching Ada MISS", "pagination True", "resilience 42", "sharding pg-0"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    // native where this machine has what links a program, else trimmed: the same analysis of what reflection needs
    [Fact]
    public async Task A_native_or_trimmed_program_caches_with_a_source_generated_context_and_no_warning_of_ours()
    {
        CancellationToken cancellationToken = TestContext.Current.CancellationToken;
        await NewProjectAsync("<TrimmerSingleWarn>false</TrimmerSingleWarn>", TrimmedProgram, ["Scaling.Caching"], cancellationToken);
        string[] kind = await CanLinkAsync(cancellationToken) ? ["-p:PublishAot=true"] : ["-p:PublishTrimmed=true", "-p:SelfContained=true"];

        string published = await Command.RunAsync(folder, ["dotnet", "publish", "--use-current-runtime", "--output", "published", .. kind], cancellationToken);
        string output = await Command.RunAsync(folder, [Path.Combine(folder, "published", "Consumer")], cancellationToken);

        Assert.Equal("Ada HitLocal", output.Trim());
        Assert.DoesNotContain(published.Split('\n'), line => line.Contains("warning", StringComparison.Ordinal) && line.Contains("Scaling.", StringComparison.Ordinal));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        // Restore copied our packages to the user's global folder, where nobody would look for them again.
        string answer = await Command.RunAsync(folder, ["dotnet", "nuget", "locals", "global-packages", "--list"], CancellationToken.None);
        string cache = answer[(answer.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        foreach (string copies in Repository.Packages.Select(package => Path.Combine(cache, package.ToLowerInvariant())).Where(Directory.Exists))
        {
            if (Path.Combine(copies, packed.Version) is var copy && Directory.Exists(copy))
            {
                Directory.Delete(copy, recursive: true);
            }

            if (!Directory.EnumerateFileSystemEntries(copies).Any())
            {
                Directory.Delete(copies);
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private async Task NewProjectAsync(string property, string program, string[] packages, CancellationToken cancellationToken)
    {
        await WriteAsync("Consumer.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <OutputType>Exe</OutputType>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                {property}
              </PropertyGroup>
            </Project>
            """);
        // Empty ones of its own, so that nothing above this folder takes part; one source more, beside those of the machine.
        await WriteAsync("Directory.Build.props", "<Project />");
        await WriteAsync("Directory.Build.targets", "<Project />");
        await WriteAsync("Directory.Packages.props", "<Project />");
        await WriteAsync("nuget.config", $"""<configuration><packageSources><add key="packed" value="{packed.Folder}" /></packageSources></configuration>""");
        await WriteAsync("Program.cs", program);
        foreach (string package in packages)
        {
            await Command.RunAsync(folder, ["dotnet", "add", "package", package, "--version", packed.Version], cancellationToken);
        }
    }

    private async Task<bool> CanLinkAsync(CancellationToken cancellationToken)
    {
        await WriteAsync("link.c", "int main(void) { return 0; }");
        (int exitCode, _) = await Command.TryRunAsync(folder, ["sh", "-c", "$(command -v clang || command -v gcc) link.c -lz -o linked && command -v objcopy"], cancellationToken);
        return exitCode == 0;
    }

    private Task WriteAsync(string name, string text) => File.WriteAllTextAsync(Path.Combine(folder, name), text);
}
