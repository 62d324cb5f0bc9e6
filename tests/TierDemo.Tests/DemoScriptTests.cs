using System.CommandLine;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace TierDemo.Tests;

/// <summary>./demo and ./test where servers are missing: what they install, what they hand to Docker, what they say. Programs that would change the machine are stubs.</summary>
public class DemoScriptTests
{
    private static readonly string[] Everything = [.. BareMachine.Postgres, .. BareMachine.Redis, .. BareMachine.PgBouncer];

    [Fact]
    public async Task What_is_missing_is_installed_by_apt_after_saying_so_and_then_it_climbs()
    {
        using StubPrograms world = World();
        world.AddRecorder("apt-get");
        await using TypedCommand demo = await DemoAsync(world, Everything);

        Assert.True(await demo.EndAsync() == 0, demo.Errors);
        Assert.Contains("Installing by apt, as they are missing here: postgresql redis-server pgbouncer.", demo.Output, StringComparison.Ordinal);
        Assert.Equal(["update", "install"], world.Calls("apt-get").Select(call => call[0]));
        Assert.Equal(["postgresql", "redis-server", "pgbouncer"], world.Calls("apt-get")[1].Where(word => word[0] != '-').Skip(1));
        Assert.Equal([["build"], ["climb"]], world.Calls("dotnet").Select(call => call.Take(1)));
        await demo.LeavesNothingAsync();
    }

    [Theory]
    [InlineData("--postgres Host=db", "redis-server")]
    [InlineData("--postgres=Host=db", "redis-server")]
    [InlineData("--redis cache:6379", "postgresql pgbouncer")]
    [InlineData("--postgres Host=db --redis cache:6379", "")]
    [InlineData("--help", "")]
    public async Task A_server_that_is_given_is_not_installed(string arguments, string installed)
    {
        using StubPrograms world = World();
        world.AddRecorder("apt-get");
        await using TypedCommand demo = await DemoAsync(world, Everything, arguments.Split(' '));

        Assert.True(await demo.EndAsync() == 0, demo.Errors);
        Assert.Equal(installed, string.Join(' ', world.Calls("apt-get").Skip(1).SelectMany(call => call.Skip(1)).Where(word => word[0] != '-')));
        Assert.Equal(arguments, string.Join(' ', world.Calls("dotnet")[^1].Skip(1)));
    }

    [Fact]
    public async Task Without_apt_it_starts_the_compose_file_and_climb_understands_what_it_is_told()
    {
        using StubPrograms world = World();
        world.AddRecorder("docker");
        await using TypedCommand demo = await DemoAsync(world, [.. Everything, .. BareMachine.Apt]);

        Assert.True(await demo.EndAsync() == 0, demo.Errors);
        Assert.Equal(
            ["compose version", "info", "compose up --detach --wait", "compose down --volumes --timeout 5"],
            world.Calls("docker").Select(call => string.Join(' ', call)));

        ParseResult climb = Commands.Create().Parse(world.Calls("dotnet")[^1]);
        Assert.Empty(climb.Errors);
        string shell = string.Join(' ', world.Calls("dotnet")[^1]);
        var compose = ComposeFile.Read();
        foreach (int port in (int[])[15432, 15433, 16432, 16379, 17001])
        {
            Assert.Contains($"{port}", shell, StringComparison.Ordinal);
            Assert.Contains(compose.PublishedPorts, range => range.Contains($"127.0.0.1:{port}", StringComparison.Ordinal));
        }

        foreach (string shard in (string[])["shard_0", "shard_1", "shard_2"])
        {
            Assert.Contains($"Database={shard}", shell, StringComparison.Ordinal);
            Assert.Contains(shard, File.ReadAllText(Repository.PathOf("docker/primary.sh")), StringComparison.Ordinal);
        }

        foreach (string node in (string[])["redis-1", "redis-2", "redis-3"])
        {
            Assert.Contains(node, climb.GetValue<string>("--redis-stop"), StringComparison.Ordinal);
            Assert.Contains(node, climb.GetValue<string>("--redis-start"), StringComparison.Ordinal);
            Assert.Contains(node, compose.Services);
        }

        Assert.Equal("tierdemo", compose.Database);
        Assert.All(compose.MountedFiles, file => Assert.True(File.Exists(Repository.PathOf(file)), file));
    }

    [Theory]
    [InlineData("./demo")]
    [InlineData("./test")]
    public async Task Where_nothing_can_bring_them_one_error_names_the_remedies(string script)
    {
        using StubPrograms world = World();
        world.Add("docker", "exit 1");
        await using TypedCommand typed = await TypeAsync(world, [.. Everything, .. BareMachine.Apt], script);

        Assert.Equal(1, await typed.EndAsync());
        Assert.StartsWith("Missing: postgresql redis-server pgbouncer", typed.Errors, StringComparison.Ordinal);
        Assert.Contains("run this again", typed.Errors, StringComparison.Ordinal);
        Assert.Empty(world.Calls("dotnet"));
    }

    [Fact]
    public async Task With_Postgres_alone_it_climbs_nevertheless()
    {
        using StubPrograms world = World();
        world.Add("docker", "exit 1");
        await using TypedCommand demo = await DemoAsync(world, [.. BareMachine.Redis, .. BareMachine.PgBouncer, .. BareMachine.Apt]);

        Assert.True(await demo.EndAsync() == 0, demo.Errors);
        Assert.Equal("climb", world.Calls("dotnet")[^1][0]);
    }

    [Fact]
    public void The_compose_file_is_one_that_a_parser_reads()
    {
        var compose = ComposeFile.Read();
        Assert.Equal(
            ["pgbouncer", "postgres", "redis", "redis-1", "redis-2", "redis-3", "redis-cluster", "standby"], compose.Services.Order(StringComparer.Ordinal));
    }

    // `dotnet build` does nothing, `dotnet …/TierDemo.dll climb …` is only written down.
    private static StubPrograms World()
    {
        var world = new StubPrograms();
        world.AddRecorder("dotnet", before: """[ "$1" = build ] || shift""");
        return world;
    }

    private static Task<TypedCommand> DemoAsync(StubPrograms world, string[] hidden, params string[] arguments) => TypeAsync(world, hidden, ["./demo", .. arguments]);

    private static async Task<TypedCommand> TypeAsync(StubPrograms world, string[] hidden, params string[] command) =>
        TypedCommand.Start([.. await BareMachine.WithoutAsync(hidden), .. command], world.Environment);
}

/// <summary>docker-compose.yml, as a YAML parser sees it.</summary>
internal sealed record ComposeFile(IReadOnlyList<string> Services, IReadOnlyList<string> PublishedPorts, IReadOnlyList<string> MountedFiles, string Database)
{
    public static ComposeFile Read()
    {
        using StreamReader text = File.OpenText(Repository.PathOf("docker-compose.yml"));
        var root = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(new MergingParser(new Parser(text)));
        var services = (Dictionary<object, object>)root["services"];
        var all = services.Values.Cast<Dictionary<object, object>>().ToList();
        return new ComposeFile(
            [.. services.Keys.Cast<string>()],
            [.. all.SelectMany(service => Strings(service, "ports"))],
            [.. all.SelectMany(service => Strings(service, "volumes")).Select(volume => volume.Split(':')[0])],
            (string)((Dictionary<object, object>)all[0]["environment"])["POSTGRES_DB"]);
    }

    private static IEnumerable<string> Strings(Dictionary<object, object> service, string key) =>
        service.TryGetValue(key, out object? list) ? ((List<object>)list).Cast<string>() : [];
}
