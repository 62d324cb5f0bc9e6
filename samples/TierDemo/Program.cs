using System.CommandLine;
using TierDemo.Climb;
using TierDemo.Load;
using TierDemo.Seed;
using TierDemo.Serve;
using TierDemo.Shards;

var root = new RootCommand("The users API of a load-testing guide in four tiers, on your own machine.")
{
    ServeCommand.Create(),
    SeedCommand.Create(),
    AddShardCommand.Create(),
    ClimbCommand.Create(),
    LoadCommand.Create(),
    WorkerCommand.Create(),
};
// Long enough to end the workers and servers in order.
var configuration = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) };
return await root.Parse(args).InvokeAsync(configuration);
