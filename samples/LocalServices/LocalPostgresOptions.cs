namespace LocalServices;

/// <summary>How a throw-away Postgres is set up.</summary>
public sealed record LocalPostgresOptions
{
    /// <summary>
    /// True: commits reach the disk (fsync), as in production; measure with this. False (default): a commit survives
    /// a killed server, not a power cut; tests are faster.
    /// </summary>
    public bool Durable { get; init; }

    /// <summary>Connections the server accepts. Default 300.</summary>
    public int MaxConnections { get; init; } = 300;

    /// <summary>Further postgresql.conf settings.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    internal IEnumerable<string> ToArguments()
    {
        var settings = new Dictionary<string, string>
        {
            ["listen_addresses"] = "127.0.0.1",
            ["unix_socket_directories"] = "",
            ["max_connections"] = $"{MaxConnections}",
            ["shared_buffers"] = "256MB",
            ["max_wal_size"] = "4GB",
            ["max_wal_senders"] = "10",
            ["wal_keep_size"] = "256MB",
            ["fsync"] = Durable ? "on" : "off",
            ["full_page_writes"] = Durable ? "on" : "off",
            ["logging_collector"] = "off",
        };
        foreach ((string key, string value) in Settings)
        {
            settings[key] = value;
        }

        return settings.SelectMany(setting => (string[])["-c", $"{setting.Key}={setting.Value}"]);
    }
}
