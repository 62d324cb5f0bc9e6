using System.CommandLine;

namespace TierDemo.Serve;

/// <summary>The process that answers requests; started by <c>serve</c> and <c>climb</c>, not by hand.</summary>
internal static class WorkerCommand
{
    public const string Name = "worker";

    public static Command Create()
    {
        var command = new Command(Name, "A worker process of serve.") { Hidden = true };
        command.SetAction(async (_, cancellationToken) =>
        {
            WorkerSettings? settings = WorkerSettings.FromEnvironment();
            if (settings is null)
            {
                Console.Error.WriteLine("A worker is started by 'serve', which tells it what to serve.");
                return 1;
            }

            await using WebApplication application = await WorkerApplication.CreateAsync(settings);
            await application.RunAsync(cancellationToken);
            return 0;
        });
        return command;
    }
}
