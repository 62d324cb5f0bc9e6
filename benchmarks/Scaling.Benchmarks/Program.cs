using BenchmarkDotNet.Running;
using Scaling.Benchmarks;

if (args is ["macro", .. var names])
{
    await Macros.RunAsync(names);
}
else
{
    BenchmarkSwitcher.FromAssembly(typeof(IMacro).Assembly).Run(args);
}
