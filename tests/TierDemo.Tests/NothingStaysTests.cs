using System.Diagnostics;
using System.Globalization;

namespace TierDemo.Tests;

public class NothingStaysTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("KILL")]
    public async Task A_serve_that_is_ended_or_killed_leaves_no_process_and_no_file(string signal)
    {
        // Killed, it cannot remove the runtime's own socket for debuggers: as in ./demo, there is none.
        var environment = new Dictionary<string, string> { ["DOTNET_EnableDiagnostics_IPC"] = "0", ["DOTNET_EnableDiagnostics_Debugger"] = "0" };
        await using TypedCommand serve = TypedCommand.Start(["dotnet", TypedCommand.Program, "serve", "--tier", "3", "--port", "0", "--count", "10"], environment);
        await serve.SaysAsync("Ctrl-C ends");
        Assert.True(ProcessTable.With(serve.Temp).Count > 5);

        using (Process kill = Process.Start("kill", [$"-{signal}", serve.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await kill.WaitForExitAsync();
        }

        await serve.EndAsync();
        await serve.LeavesNothingAsync();
    }

    [Theory]
    [InlineData("Building")]                // the build
    [InlineData("Postgres   private")]      // servers start
    [InlineData("POST /api/users, 100")]    // under load
    [InlineData("killing Redis")]           // Redis dies
    public async Task Demo_interrupted_by_Ctrl_C_ends_with_130_and_leaves_no_process_and_no_file(string moment)
    {
        using var world = new StubPrograms();
        world.Add("dotnet", $"""
            if [ "$1" = build ]; then sleep 2; exit; fi
            shift; exec "{StubPrograms.Real("dotnet")}" "{TypedCommand.Program}" "$@"
            """);
        await using TypedCommand demo = TypedCommand.Start(["./demo", "--seconds", "0.2", "--count", "1000"], world.Environment);
        await demo.SaysAsync(moment);
        await demo.InterruptAsync();

        Assert.Equal(130, await demo.EndAsync());
        await demo.LeavesNothingAsync();
    }
}
