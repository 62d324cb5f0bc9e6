using System.CommandLine;
using TierDemo.Climb;
using TierDemo.Load;
using TierDemo.Seed;
using TierDemo.Serve;
using TierDemo.Shards;

namespace TierDemo;

/// <summary>Everything that can be typed after <c>TierDemo</c>.</summary>
internal static class Commands
{
    public static RootCommand Create() => new("The users API of a load-testing guide in four tiers, on your own machine.")
    {
        ServeCommand.Create(),
        SeedCommand.Create(),
        AddShardCommand.Create(),
        ClimbCommand.Create(),
        LoadCommand.Create(),
        WorkerCommand.Create(),
    };
}
