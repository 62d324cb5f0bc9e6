using System.Text.Json;
using TierDemo.Servers;

namespace TierDemo.Serve;

/// <summary>What a worker process is told by its parent, in an environment variable: connection strings stay off the command line.</summary>
internal sealed record WorkerSettings(int Tier, int Port, int Index, int Workers, string Folder, BackendSettings Backends, bool Shed)
{
    public const string Variable = "TIERDEMO_WORKER";

    public static WorkerSettings? FromEnvironment() =>
        Environment.GetEnvironmentVariable(Variable) is { } json ? JsonSerializer.Deserialize<WorkerSettings>(json) : null;
}
