using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using Scaling.Caching.Internal;

namespace Scaling.Caching.Tests;

public sealed class JournalProperties
{
    /// <summary>Whatever is owed, delivered, lost and paid in any order: what was not paid since it was last incurred is not read, and memory is bounded.</summary>
    [Property(MaxTest = 500)]
    public void Nothing_owed_is_forgotten_and_no_more_is_kept_than_the_capacity(byte[] script, byte size)
    {
        int capacity = (size % 4) + 1;
        var time = new FakeTimeProvider();
        var journal = new Journal(capacity, time);
        var owed = new HashSet<string>();
        var due = new List<KeyValuePair<Debt, int>>();
        var incurredSince = new HashSet<string>();
        foreach (byte step in script)
        {
            string key = $"k{step / 5 % 6}";
            switch (step % 5)
            {
                case 0 or 1:
                    journal.Add(Debt.Key(key));
                    owed.Add(key);
                    incurredSince.Add(key);
                    break;
                case 2:
                    journal.Delivered(Debt.Key(key));
                    time.Advance(TimeSpan.FromSeconds(1));
                    break;
                case 3:
                    due = [.. journal.Due(max: 3, _ => true)];      // sent; more may be incurred before the answer comes
                    incurredSince.Clear();
                    break;
                default:
                    foreach (KeyValuePair<Debt, int> debt in due)
                    {
                        journal.Settle(debt);
                        owed.RemoveWhere(name => (debt.Key == Debt.Everything ? incurredSince.Count == 0 : debt.Key == Debt.Key(name) && !incurredSince.Contains(name)));
                    }

                    due = [];
                    break;
            }

            Assert.All(owed, name => Assert.True(journal.OwesKey(name), $"{name} is owed"));
            Assert.InRange(journal.Count, owed.Count > 0 ? 1 : 0, capacity);
        }
    }

    [Property(MaxTest = 200)]
    public void What_was_delivered_within_its_memory_is_owed_again_and_nothing_older(byte[] pauses)
    {
        var time = new FakeTimeProvider();
        var journal = new Journal(capacity: 1_000, time);
        DateTimeOffset[] delivered = new DateTimeOffset[pauses.Length];
        for (int i = 0; i < pauses.Length; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(pauses[i] * 10));
            delivered[i] = time.GetUtcNow();
            journal.Delivered(Debt.Key($"k{i}"));
        }

        journal.OweAgain(debt => debt.Name != "k0");

        for (int i = 0; i < pauses.Length; i++)
        {
            Assert.Equal(i > 0 && time.GetUtcNow() - delivered[i] <= Journal.Memory, journal.OwesKey($"k{i}"));
        }
    }
}
