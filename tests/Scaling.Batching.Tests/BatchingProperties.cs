using FsCheck;
using FsCheck.Xunit;
using Scaling.Batching.Internal;

namespace Scaling.Batching.Tests;

public class BatchingProperties
{
    /// <summary>A window against a model that keeps every event and decides by looking at all of them.</summary>
    [Property(MaxTest = 500)]
    public void The_window_keeps_its_laws(byte[] script, byte size, byte slots)
    {
        int maxSize = (size % 8) + 1, maxInFlight = (slots % 3) + 1;
        const long delay = 20; // short beside the steps of the clock, so that windows do grow old
        var window = new BatchWindow(maxSize, maxInFlight, delay, shortestPause: 2, longestPause: 10);
        var waiting = new List<long>();
        var inFlight = new List<int>();
        long now = 0;
        foreach (byte step in script)
        {
            now += step % 7;
            switch (step % 3)
            {
                case 0:
                    window.Arrived(now);
                    waiting.Add(now);
                    break;
                case 1 when inFlight.Count > 0:
                    window.Answered(inFlight[0], now);
                    window.CameBack(callersGoOn: false, 0, now);
                    inFlight.RemoveAt(0);
                    break;
            }

            SendReason reason = window.Decide(new(waiting.Count, waiting.FirstOrDefault(), inFlight.Count, inFlight.Sum(), false), now, out long askAgainAt);
            bool slot = inFlight.Count < maxInFlight;
            long age = waiting.Count > 0 ? now - waiting[0] : 0;

            // Nobody waits longer than the delay if there is a slot; a full window goes; an empty one never.
            Assert.True(waiting.Count > 0 || reason == SendReason.None);
            Assert.True(slot || reason == SendReason.None);
            Assert.True(!slot || waiting.Count < maxSize || reason == SendReason.Full);
            Assert.True(!slot || waiting.Count == 0 || age < delay || reason != SendReason.None);

            // With nothing in flight and nobody missing, nothing is waited for. While one may still come, there is an alarm.
            Assert.True(waiting.Count == 0 || inFlight.Count > 0 || window.Missing > 0 || reason != SendReason.None);
            if (reason == SendReason.None && slot && waiting.Count > 0)
            {
                Assert.InRange(askAgainAt, now + 1, waiting[0] + delay);
            }

            if (reason != SendReason.None)
            {
                int sent = Math.Min(maxSize, waiting.Count);
                waiting.RemoveRange(0, sent);
                inFlight.Add(sent);
                window.Sent(reason);
            }

            Assert.True(window.Missing >= 0);
        }
    }

    /// <summary>Without a delay: a slot is free only for want of a share of what is pending, and then somebody comes back soon.</summary>
    [Property(MaxTest = 500)]
    public void Natural_batches_share_what_is_pending(byte[] script, byte size, byte slots)
    {
        int maxSize = (size % 40) + 1, maxInFlight = (slots % 3) + 1;
        var window = new BatchWindow(maxSize, maxInFlight, 0, shortestPause: 2, longestPause: 10);
        int waiting = 0;
        var inFlight = new Queue<int>();
        bool oneCameBack = false;
        foreach (byte step in script)
        {
            if (step % 3 > 0)
            {
                window.Arrived(0);
                waiting++;
            }
            else if (inFlight.TryDequeue(out _))
            {
                window.CameBack(callersGoOn: false, 0, 0);
                oneCameBack = true;
            }

            WindowState State() => new(waiting, 0, inFlight.Count, inFlight.Sum(), false);
            SendReason reason;
            while ((reason = window.Decide(State(), 0, out long askAgainAt)) != SendReason.None)
            {
                Assert.Equal(long.MaxValue, askAgainAt); // no clock is needed
                int sent = Math.Min(window.Share(State()), waiting);
                Assert.InRange(sent, 1, maxSize);
                Assert.True(inFlight.Count < maxInFlight);
                Assert.True(maxInFlight > 1 || sent == Math.Min(maxSize, waiting)); // one slot: everything
                Assert.True(sent <= ((waiting + inFlight.Sum() + maxInFlight - 1) / maxInFlight));
                waiting -= sent;
                inFlight.Enqueue(sent);
                window.Sent(reason);
                oneCameBack = false;
            }

            Assert.True(waiting == 0 || inFlight.Count == maxInFlight || (inFlight.Count > 0 && !oneCameBack && waiting < window.Share(State())));
        }
    }

    /// <summary>
    /// While callers are let go on nothing is sent but what is full or flushed, but for no longer than half of what their batch took, nor
    /// than the longest pause, and not at all where that is too short; and the alarm is set for that very moment.
    /// </summary>
    [Property(MaxTest = 500)]
    public void A_pause_for_callers_who_are_let_go_on_ends_with_them_and_is_bounded(byte[] script)
    {
        const int maxSize = 20, shortest = 2, longest = 10;
        var window = new BatchWindow(maxSize, 1, 0, shortest, longest);
        int waiting = 0, lettingGo = 0;
        long now = 0, paused = 0;
        (long SentAt, int Writes)? inFlight = null;
        foreach (byte step in script)
        {
            now += step / 4 % 8;
            switch (step % 4)
            {
                case 0 or 1:
                    window.Arrived(now);
                    waiting++;
                    break;
                case 2 when inFlight is { } back:
                    bool several = back.Writes > 1;
                    window.CameBack(several, now - back.SentAt, now);
                    if (several && lettingGo++ == 0)
                    {
                        long pause = Math.Min((now - back.SentAt) / 2, longest);
                        paused = pause < shortest ? now : now + pause;
                    }

                    inFlight = null;
                    break;
                case 3 when lettingGo > 0 || (lettingGo == 0 && inFlight is { Writes: > 1 }): // the relay may be quicker than its batch
                    window.WentOn();
                    lettingGo--;
                    break;
            }

            bool flushing = step > 250;
            SendReason reason = window.Decide(new(waiting, 0, inFlight is null ? 0 : 1, inFlight?.Writes ?? 0, flushing), now, out long askAgainAt);
            bool isPaused = lettingGo > 0 && now < paused, canGo = waiting > 0 && inFlight is null;
            Assert.Equal(isPaused, window.IsPaused(now));
            Assert.Equal(lettingGo != 0, window.IsLettingGo);
            Assert.Equal(canGo && (!isPaused || flushing || waiting >= maxSize), reason != SendReason.None);
            Assert.Equal(canGo && reason == SendReason.None ? paused : long.MaxValue, askAgainAt);
            if (reason != SendReason.None)
            {
                inFlight = (now, Math.Min(maxSize, waiting));
                waiting -= inFlight.Value.Writes;
                window.Sent(reason);
            }
        }
    }

    /// <summary>The loop sleeps over further writes during a pause; so whoever waits in one with a slot free has an alarm, whatever else is in flight.</summary>
    [Fact]
    public void Whoever_waits_in_a_pause_has_an_alarm_also_beside_a_batch_in_flight()
    {
        var window = new BatchWindow(maxSize: 4, maxInFlight: 2, maxDelay: 0, shortestPause: 2, longestPause: 10);
        window.CameBack(callersGoOn: true, took: 100, now: 0);
        Assert.Equal(SendReason.Full, window.Decide(new(5, 0, 0, 0, false), 0, out _));
        window.Sent(SendReason.Full);
        Assert.Equal(SendReason.None, window.Decide(new(1, 0, 1, 4, false), 1, out long askAgainAt)); // less than a share
        Assert.True(window.IsPaused(1));
        Assert.Equal(10, askAgainAt);
    }

    [Fact]
    public void A_hundred_known_callers_are_gathered_and_the_last_one_closes_the_window()
    {
        var window = new BatchWindow(1000, 1, 50, shortestPause: 2, longestPause: 10);
        window.Answered(100, 0);
        window.CameBack(callersGoOn: false, 0, 0);
        for (int i = 1; i < 100; i++)
        {
            window.Arrived(1);
            Assert.Equal(SendReason.None, window.Decide(new(i, 1, 0, 0, false), 1, out _));
        }

        window.Arrived(1);
        Assert.Equal(SendReason.Everyone, window.Decide(new(100, 1, 0, 0, false), 1, out _));
    }

    [Fact]
    public void Callers_who_left_cost_a_tenth_of_the_delay_once()
    {
        var window = new BatchWindow(1000, 1, 50, shortestPause: 2, longestPause: 10);
        window.Answered(100, 0);
        window.CameBack(callersGoOn: false, 0, 0);
        window.Arrived(1);
        Assert.Equal(SendReason.None, window.Decide(new(1, 1, 0, 0, false), 1, out long at));
        Assert.Equal(6, at);
        Assert.Equal(SendReason.Quiet, window.Decide(new(1, 1, 0, 0, false), 6, out _));
        window.Sent(SendReason.Quiet);
        window.Arrived(8);
        Assert.Equal(SendReason.Everyone, window.Decide(new(1, 8, 0, 0, false), 8, out _));
    }

    /// <summary>
    /// Bisection settles every write of a batch once and truly, whether the delegate names rows or not, and calls it at most
    /// 1 + 2p⌈log₂ n⌉ times for p bad rows among n, and never more than 2n − 1 times. However many are bad, it does not send the same good ones
    /// for ever: each row goes at most 2⌈log₂ n⌉ + 4 times on average.
    /// </summary>
    [Property(MaxTest = 200)]
    public void Bisection_isolates_exactly_the_bad_rows_within_its_bound(bool[] bad, bool sparse, bool named)
    {
        if (bad.Length == 0)
        {
            return;
        }

        if (sparse)
        {
            bad = [.. bad.SelectMany(one => Enumerable.Repeat(false, 15).Append(one))]; // few among many, where the bound is far from 2n
        }

        int calls = 0, sent = 0, n = bad.Length, p = bad.Count(one => one);
        var written = new HashSet<int>();
        Run().WaitAsync(TimeSpan.FromSeconds(30)).GetAwaiter().GetResult();

        async Task Run()
        {
            TaskCompletionSource entered = new(), gate = new();
            await using var batcher = new WriteBatcher<int, int>(
                async (items, _) =>
                {
                    if (items[0] < 0)
                    {
                        entered.SetResult();
                        await gate.Task;
                        return items;
                    }

                    calls++;
                    sent += items.Count;
                    int first = items.ToList().FindIndex(item => bad[item]);
                    if (first >= 0)
                    {
                        throw named ? new RowFaultException(first, new FormatException()) : new FormatException();
                    }

                    Assert.All(items, item => Assert.True(written.Add(item), "written twice"));
                    return items;
                },
                new WriteBatcherOptions { MaxBatchSize = n });
            Task<int> ahead = batcher.WriteAsync(-1).AsTask(); // holds the store, so that all others become one batch
            await entered.Task;
            ValueTask<int>[] writes = [.. bad.Select((_, i) => batcher.WriteAsync(i))];
            gate.SetResult();
            await ahead;
            await batcher.FlushAsync();
            for (int i = 0; i < n; i++)
            {
                Assert.True(writes[i].IsCompleted);
                Assert.Equal(bad[i], writes[i].IsFaulted);
                Assert.Equal(!bad[i], written.Contains(i));
                Assert.True(bad[i] || await writes[i] == i);
            }

            Assert.InRange(calls, 1, Math.Min((2 * n) - 1, 1 + (2 * p * (int)Math.Ceiling(Math.Log2(n)))) + (n == 1 ? p : 0));
            Assert.InRange(sent, n, n * ((2 * (int)Math.Ceiling(Math.Log2(n))) + 4));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Bisection_keeps_its_bounds_where_half_of_many_rows_are_bad(bool named) =>
        Bisection_isolates_exactly_the_bad_rows_within_its_bound([.. Enumerable.Range(0, 400).Select(i => i % 2 == 0)], sparse: false, named);

    [Property(MaxTest = 300)]
    public void Text_faults_are_exactly_what_utf8_refuses_and_nul(string? text)
    {
        if (text is null)
        {
            return;
        }

        bool refused = text.Contains('\0');
        try
        {
            _ = new System.Text.UTF8Encoding(false, true).GetByteCount(text);
        }
        catch (System.Text.EncoderFallbackException)
        {
            refused = true;
        }

        Assert.Equal(refused, TextFault.Find(text) is not null);
    }

    [Theory]
    [InlineData("COPY ev, line 6", 5)]
    [InlineData("COPY ev, line 6, column text: \"3\"", 5)]
    [InlineData("COPY t7, Zeile 2", 1)]
    [InlineData("SQL function\nCOPY t, line 12", 11)]
    [InlineData("COPY t, line 999", -1)]
    [InlineData("PL/pgSQL function f() line 3 at RAISE", -1)]
    [InlineData("", -1)]
    public void Copy_names_its_row(string where, int row)
    {
        var error = new Npgsql.PostgresException("m", "ERROR", "ERROR", "23505", where: where);
        Assert.Equal(row, RowFaults.FindCopyRow(error, 100));
    }
}
