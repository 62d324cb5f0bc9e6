namespace LocalServices;

/// <summary>A server program is not on this machine; the message says how to get it.</summary>
public sealed class MissingServerException(string program)
    : Exception($"The program '{program}' was not found. {Remedy(program)}")
{
    /// <summary>The program looked for.</summary>
    public string Program { get; } = program;

    private static string Remedy(string program) => program switch
    {
        "initdb" or "postgres" or "pg_basebackup" => "Install PostgreSQL (Debian/Ubuntu: apt-get install postgresql), or give a connection string with --postgres.",
        "redis-server" or "redis-cli" => "Install Redis (Debian/Ubuntu: apt-get install redis-server), or give a connection string with --redis.",
        "pgbouncer" => "Install PgBouncer (Debian/Ubuntu: apt-get install pgbouncer).",
        _ => "Install it, or put it on the PATH.",
    };
}
