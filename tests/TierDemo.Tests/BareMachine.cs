using System.Diagnostics;

namespace TierDemo.Tests;

/// <summary>A machine on which some programs are missing: a mount namespace that hides them. Only root can make one.</summary>
internal static class BareMachine
{
    private const string Hide = """
        mount --make-rprivate / || exit 99
        while [ "$1" != -- ]; do
            if [ -d "$1" ]; then mount -t tmpfs none "$1"; elif [ -e "$1" ]; then mount --bind /dev/null "$(readlink -f "$1")"; fi || exit 99
            shift
        done
        shift
        exec "$@"
        """;

    public static readonly string[] Postgres = ["/usr/lib/postgresql", "/usr/bin/postgres", "/usr/bin/initdb", "/usr/local/bin/postgres", "/usr/local/bin/initdb"];
    public static readonly string[] Redis = ["/usr/bin/redis-server", "/usr/bin/redis-cli", "/usr/local/bin/redis-server", "/usr/local/bin/redis-cli"];
    public static readonly string[] PgBouncer = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"];
    public static readonly string[] Apt = ["/usr/bin/apt-get"];

    /// <summary>The words to put before a command so that it does not find these files and folders. Skips the test where that is not possible.</summary>
    public static async Task<string[]> WithoutAsync(params string[] hidden)
    {
        string[] prefix = ["unshare", "--mount", "bash", "-c", Hide, "bare", .. hidden, "--"];
        using Process probe = Process.Start(new ProcessStartInfo(prefix[0], [.. prefix[1..], "true"]) { RedirectStandardError = true })!;
        await probe.WaitForExitAsync();
        Assert.SkipUnless(probe.ExitCode == 0, "Needs root with the right to mount: it hides the installed servers from one process.");
        return prefix;
    }
}
