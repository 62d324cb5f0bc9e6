namespace Scaling.Benchmarks;

/// <summary>A measurement too large for BenchmarkDotNet, such as one against real servers: <c>dotnet run -c Release -- macro NAME</c>.</summary>
internal interface IMacro
{
    string Name { get; }

    Task RunAsync();
}

/// <summary>Finds macros by name: a class that implements <see cref="IMacro"/> is all it takes.</summary>
internal static class Macros
{
    public static async Task RunAsync(string[] names)
    {
        IMacro[] all = [.. typeof(IMacro).Assembly.GetTypes()
            .Where(type => type is { IsClass: true } && type.IsAssignableTo(typeof(IMacro)))
            .Select(type => (IMacro)Activator.CreateInstance(type)!)];
        IMacro[] chosen = [.. all.Where(macro => names.Contains(macro.Name))];
        if (chosen.Length < names.Length || names.Length == 0)
        {
            Console.WriteLine($"Macros: {string.Join(", ", all.Select(macro => macro.Name).Order())}");
        }

        foreach (IMacro macro in chosen)
        {
            await macro.RunAsync();
        }
    }
}
