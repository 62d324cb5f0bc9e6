using Scaling.Batching.Internal;

namespace Scaling.Batching.Tests;

/// <summary>Nothing that is posted is lost or overtaken, and the loop is run when there is something for it to do, by one thread at a time.</summary>
public class MailboxTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Posts_of_many_threads_arrive_once_and_in_each_threads_order(bool writesMayWait)
    {
        const int Threads = 4, Posts = 100_000;
        var loop = new Loop(writesMayWait);
        Task[] posters = [.. Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < Posts; i++)
            {
                Assert.True(loop.Mailbox.TryPost(i % 100 == 99 ? new Other(thread, i) : new Write(thread, i)));
            }
        }))];
        await Task.WhenAll(posters);
        Assert.True(loop.Mailbox.TryPost(new Other(0, Posts)));
        await Eventually.HoldsAsync(() => Volatile.Read(ref loop.Seen) == (Threads * Posts) + 1, "every message");
        Assert.False(loop.HasFailed);
    }

    [Fact]
    public async Task A_write_alone_does_not_wake_a_loop_that_could_not_send_it()
    {
        var loop = new Loop(writesMayWait: true);
        loop.Mailbox.TryPost(new Other(0, 0));
        await Eventually.HoldsAsync(() => loop.IsResting && loop.Seen == 1, "the first message, and rest");
        for (int i = 1; i <= 100; i++)
        {
            loop.Mailbox.TryPost(new Write(0, i));
            await Task.Run(() => { }, TestContext.Current.CancellationToken); // had the loop been queued, it would have been before this
            Assert.Equal(1, loop.Seen);
        }

        loop.Mailbox.TryPost(new Other(0, 101));
        await Eventually.HoldsAsync(() => loop.Seen == 102, "all of them");
    }

    [Fact]
    public void A_closed_mailbox_hands_out_the_rest_and_takes_nothing()
    {
        var loop = new Loop(writesMayWait: true);
        Assert.True(loop.Mailbox.TryRest(Sleep.UntilMoreThanAWrite));
        Assert.True(loop.Mailbox.TryPost(new Write(0, 0)));
        Assert.True(loop.Mailbox.TryPost(new Write(0, 1)));
        var rest = (Write)loop.Mailbox.Close()!;
        Assert.Equal((0, 1), (rest.Number, ((Write)rest.Next!).Number));
        Assert.False(loop.Mailbox.TryPost(new Other(0, 2)));
    }

    private sealed class Loop : IThreadPoolWorkItem
    {
        private readonly Dictionary<int, int> _last = [];
        private readonly Sleep _rest;
        private int _running;

        public int Seen;

        public Loop(bool writesMayWait)
        {
            _rest = writesMayWait ? Sleep.UntilMoreThanAWrite : Sleep.UntilAnyMessage;
            Mailbox = new(this, TimeProvider.System);
        }

        public Mailbox Mailbox { get; }

        public bool HasFailed { get; private set; }

        public bool IsResting => Volatile.Read(ref _running) == 0;

        public void Execute()
        {
            do
            {
                HasFailed |= Interlocked.Increment(ref _running) != 1;
                int seen = 0;
                for (Message? message = Mailbox.TakeAll(); message is not null; message = message.Next)
                {
                    (int thread, int number) = message is Write write ? (write.Thread, write.Number) : (((Other)message).Thread, ((Other)message).Number);
                    HasFailed |= _last.GetValueOrDefault(thread, -1) != number - 1;
                    _last[thread] = number;
                    seen++;
                }

                Volatile.Write(ref Seen, Seen + seen);
                Interlocked.Decrement(ref _running);
            }
            while (!Mailbox.TryRest(_rest));
        }
    }

    private sealed class Write(int thread, int number) : Message
    {
        public int Thread => thread;

        public int Number => number;

        public override int Writes => 1;
    }

    private sealed class Other(int thread, int number) : Message
    {
        public int Thread => thread;

        public int Number => number;
    }
}
