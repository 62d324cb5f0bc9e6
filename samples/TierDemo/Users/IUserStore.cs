namespace TierDemo.Users;

/// <summary>Where users are kept; each tier has its way.</summary>
internal interface IUserStore
{
    Task<User?> FindAsync(long id, CancellationToken cancellationToken);

    /// <summary>Users after a cursor of ours, or from the start (keyset page).</summary>
    Task<UserPage> PageAsync(string? after, int limit, CancellationToken cancellationToken);

    /// <summary>Users by page number (OFFSET).</summary>
    Task<UserPage> OffsetPageAsync(int page, int limit, CancellationToken cancellationToken);

    Task<User> AddAsync(string name, string email, CancellationToken cancellationToken);
}
