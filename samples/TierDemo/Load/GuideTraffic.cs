namespace TierDemo.Load;

/// <summary>The guide's mixed traffic: the same requests, in the same shares, as <c>k6/load-test.js</c> sends.</summary>
/// <remarks>
/// Of 100 requests 60 read one user (a uniformly random id), 20 the first page, 10 a page deep in the list by cursor, 10 create a user. Nine reads to
/// a write is the usual shape of a users API; the guide itself names the endpoints, not the shares.
/// </remarks>
public static class GuideTraffic
{
    /// <summary>The mix over users 1 to <paramref name="users"/> (the seeded number; 10,000 by default, as in the guide).</summary>
    public static Workload Mix(long users = 10_000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(users, 1);
        return Workload.Mix(
            (60, LoadRequest.Get($"/api/users/{{1..{users}}}")),
            (20, LoadRequest.Get("/api/users?limit=20")),
            (10, LoadRequest.Get($"/api/users?cursor={{1..{users}}}&limit=20")),
            (10, LoadRequest.PostJson("/api/users", """{"name":"Test User","email":"test@batch.com"}""")));
    }
}
