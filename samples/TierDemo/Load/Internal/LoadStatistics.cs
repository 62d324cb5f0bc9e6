using System.Diagnostics;
using HdrHistogram;

namespace TierDemo.Load.Internal;

/// <summary>Everything a load counts. One lock around a few additions: all numbers of one request enter together, so sums always agree.</summary>
internal sealed class LoadStatistics(HeaderCounter[] counters, Schedule schedule, TimeSpan deadline)
{
    private readonly Lock _lock = new();
    private readonly LongHistogram _total = Latencies.Create();
    private readonly LongHistogram _second = Latencies.Create();
    private readonly LongHistogram _successes = Latencies.Create();
    private readonly long[] _statuses = new long[1000];
    private readonly Dictionary<string, long> _failures = [];
    private readonly long[][] _headers = [.. counters.Select(_ => new long[HeaderCounter.MaxValues])];
    private readonly List<LoadWindow> _timeline = [];
    private long _windowStart = schedule.MeasureFrom;
    private long _windowRequests;
    private long _windowErrors;
    private long _requests;
    private long _errors;
    private long _bytes;
    private long _unsent;
    private long _good;

    /// <summary>Counts one finished request; nothing when it was due before the measurement began.</summary>
    /// <param name="due">When it was sent, or in the open loop: should have been.</param>
    /// <param name="now">When its last byte was in.</param>
    /// <param name="failure">The kind of failure, or null for an answer.</param>
    /// <param name="answer">Its connection, for what the answer said.</param>
    public void Record(long due, long now, string? failure, LoadConnection answer)
    {
        if (due < schedule.MeasureFrom)
        {
            return;
        }

        lock (_lock)
        {
            CloseWindowsUntil(now);
            bool failed = failure is not null || !LoadErrors.IsSuccess(answer.Parser.Status);
            _requests++;
            _windowRequests++;
            _bytes += answer.Received;
            TimeSpan latency = Stopwatch.GetElapsedTime(due, now);
            if (failed)
            {
                _errors++;
                _windowErrors++;
            }
            else
            {
                _good += latency <= deadline ? 1 : 0;
                Latencies.Record(_successes, latency);
            }

            if (failure is null)
            {
                CountAnswer(answer.Parser);
            }
            else
            {
                _failures[failure] = _failures.GetValueOrDefault(failure) + 1;
            }

            if (failure is null or LoadErrors.Timeout)
            {
                Latencies.Record(_second, latency);
            }
        }
    }

    /// <summary>Counts a request that was due and never sent, with the wait it had until <paramref name="end"/>.</summary>
    public void RecordUnsent(long due, long end)
    {
        if (due < schedule.MeasureFrom)
        {
            return;
        }

        lock (_lock)
        {
            _unsent++;
            Latencies.Record(_second, Stopwatch.GetElapsedTime(due, end));
        }
    }

    public LoadProgress Progress(long now)
    {
        if (now < schedule.MeasureFrom)
        {
            return new LoadProgress(TimeSpan.Zero, true, 0, 0, 0, TimeSpan.Zero);
        }

        lock (_lock)
        {
            CloseWindowsUntil(now);
            LoadWindow? last = _timeline.Count == 0 ? null : _timeline[^1];
            return new LoadProgress(
                Stopwatch.GetElapsedTime(schedule.MeasureFrom, now), false, _requests, _errors, last?.RequestsPerSecond ?? 0, last?.Latency.P99 ?? TimeSpan.Zero);
        }
    }

    public LoadResult Finish(TimeSpan duration, long now)
    {
        lock (_lock)
        {
            CloseWindowsUntil(now);
            if (_windowRequests > 0 || _second.TotalCount > 0)
            {
                CloseWindow(now);
            }

            return new LoadResult
            {
                Requests = _requests,
                Elapsed = duration,
                Latency = LatencySummary.From(_total),
                SuccessLatency = LatencySummary.From(_successes),
                Good = _good,
                Statuses = Enumerable.Range(0, _statuses.Length).Where(status => _statuses[status] > 0).ToDictionary(status => status, status => _statuses[status]),
                Errors = Errors(),
                Headers = counters.Select((counter, i) => (counter.Name, Values: HeaderValues(i)))
                    .ToDictionary(header => header.Name, header => (IReadOnlyDictionary<string, long>)header.Values, StringComparer.OrdinalIgnoreCase),
                BytesReceived = _bytes,
                Timeline = [.. _timeline],
                Unsent = _unsent,
            };
        }
    }

    private void CountAnswer(ResponseParser answer)
    {
        _statuses[answer.Status]++;
        ReadOnlySpan<int> values = answer.HeaderValues;
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] >= 0)
            {
                _headers[i][values[i]]++;
            }
        }
    }

    private void CloseWindowsUntil(long now)
    {
        while (now - _windowStart >= Stopwatch.Frequency)
        {
            CloseWindow(_windowStart + Stopwatch.Frequency);
        }
    }

    private void CloseWindow(long end)
    {
        _timeline.Add(new LoadWindow(
            Stopwatch.GetElapsedTime(schedule.MeasureFrom, _windowStart), Stopwatch.GetElapsedTime(_windowStart, end), _windowRequests, _windowErrors, LatencySummary.From(_second))
        {
            Latencies = Latencies.Compress(_second),
        });
        _total.Add(_second);
        _second.Reset();
        _windowStart = end;
        _windowRequests = 0;
        _windowErrors = 0;
    }

    private Dictionary<string, long> Errors()
    {
        var errors = new Dictionary<string, long>(_failures);
        for (int status = 0; status < _statuses.Length; status++)
        {
            if (_statuses[status] > 0 && !LoadErrors.IsSuccess(status))
            {
                errors[LoadErrors.Status(status)] = _statuses[status];
            }
        }

        return errors;
    }

    private Dictionary<string, long> HeaderValues(int header) =>
        Enumerable.Range(0, HeaderCounter.MaxValues).Where(value => _headers[header][value] > 0)
            .ToDictionary(counters[header].ValueAt, value => _headers[header][value]);
}
