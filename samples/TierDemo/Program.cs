using System.CommandLine;
using TierDemo;

// Long enough to end the workers and servers in order.
var configuration = new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) };
return await Commands.Create().Parse(args).InvokeAsync(configuration);
