using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace Scaling.Caching.Tests;

/// <summary>Whatever a result is, its Cache-Status text is one that RFC 9211 allows, and says what the result says.</summary>
public class CacheStatusProperties
{
    // RFC 9211, section 2.2
    private static readonly string[] Forwards = ["bypass", "method", "uri-miss", "vary-miss", "miss", "request", "stale", "partial"];

    [Property(MaxTest = 1_000)]
    public Property The_text_is_a_member_of_a_Cache_Status_list() => Prop.ForAll(
        Gen.Elements(Enum.GetValues<CacheStatus>()).Zip(Gen.Choose(-400_000_000, 400_000_000).Zip(Gen.Elements(true, false))).ToArbitrary(),
        Gen.Choose(' ', '~').Select(static c => (char)c).NonEmptyListOf().Select(static name => string.Concat(name)).ToArbitrary(),
        (one, name) =>
        {
            (CacheStatus status, (int seconds, bool collapsed)) = one;
            var result = new CacheResult<int>(1, status, TimeSpan.Zero, TimeSpan.FromSeconds(seconds + 0.5), collapsed);

            (object found, Dictionary<string, object> parameters) = CacheStatusField.Parse(result.ToCacheStatus(name));

            Assert.Equal(name, found is CacheStatusField.Token token ? token.Text : (string)found);
            object? forward = parameters.GetValueOrDefault("fwd");
            Assert.True(forward is null || (forward is CacheStatusField.Token { Text: var reason } && Forwards.Contains(reason)), $"fwd={forward}");
            Assert.Equal(status is CacheStatus.HitLocal or CacheStatus.HitDistributed, parameters.GetValueOrDefault("hit") is true);
            Assert.Equal(status is CacheStatus.Miss or CacheStatus.Bypass or CacheStatus.Stale, forward is not null);
            Assert.False(parameters.ContainsKey("hit") && parameters.ContainsKey("fwd"));
            foreach ((string key, object value) in parameters)
            {
                Assert.True(
                    key switch
                    {
                        "hit" => value is true,
                        "fwd" => true, // seen above
                        "stored" or "collapsed" => value is true && forward is not null,
                        "ttl" => value is long ttl && ttl == seconds,
                        "detail" => value is CacheStatusField.Token or string,
                        _ => false,
                    },
                    $"{key}={value}");
            }
        });
}
