using Npgsql;
using StackExchange.Redis;

namespace TierDemo.Servers;

/// <summary>Asks the servers that the user named whether they are there: a wrong address is said at once, in one sentence.</summary>
internal static class NamedServers
{
    private const int Patience = 5;

    /// <exception cref="InvalidOperationException">It does not answer, or does not let us in.</exception>
    public static async Task AskPostgresAsync(string option, string connectionString, CancellationToken cancellationToken)
    {
        try
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = Patience };
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is NpgsqlException or ArgumentException or TimeoutException)
        {
            throw new InvalidOperationException(
                $"The Postgres of {option} cannot be used: {exception.Message} Check the connection string, or leave it out: a private server is started then.", exception);
        }
    }

    /// <exception cref="InvalidOperationException">It does not answer.</exception>
    public static async Task AskRedisAsync(string option, string address, CancellationToken cancellationToken)
    {
        try
        {
            var settings = ConfigurationOptions.Parse(address);
            settings.ConnectTimeout = Patience * 1_000;
            settings.ConnectRetry = 1;
            settings.AbortOnConnectFail = true;
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(settings).WaitAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is RedisException or ArgumentException)
        {
            throw new InvalidOperationException(
                $"No Redis answers at '{address}', the address of {option}. Check it, or leave it out: a private server is started then.", exception);
        }
    }
}
