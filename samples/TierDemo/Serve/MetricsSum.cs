using System.Globalization;
using System.Text;

namespace TierDemo.Serve;

/// <summary>
/// Adds up the metrics of several processes (Prometheus text format 0.0.4): counters and histograms by series;
/// gauges, which do not add up, are kept apart by a <c>worker</c> label.
/// </summary>
internal static class MetricsSum
{
    public static string Of(IReadOnlyList<string> texts)
    {
        var families = new Dictionary<string, Family>();
        for (int worker = 0; worker < texts.Count; worker++)
        {
            Family family = new("");
            foreach (string line in texts[worker].Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                if (line.StartsWith("# HELP ", StringComparison.Ordinal))
                {
                    string name = line.Split(' ')[2];
                    if (!families.TryGetValue(name, out family!))
                    {
                        families[name] = family = new Family(line);
                    }
                }
                else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
                {
                    family.Type = line;
                }
                else if (line[0] != '#')
                {
                    int space = line.LastIndexOf(' ');
                    string series = family.IsGauge ? WithWorker(line[..space], worker) : line[..space];
                    family.Add(series, double.Parse(line.AsSpan(space + 1), CultureInfo.InvariantCulture));
                }
            }
        }

        var text = new StringBuilder();
        foreach (Family family in families.Values)
        {
            family.Write(text);
        }

        return text.ToString();
    }

    private static string WithWorker(string series, int worker) =>
        series.EndsWith('}') ? $"{series[..^1]},worker=\"{worker}\"}}" : $"{series}{{worker=\"{worker}\"}}";

    private sealed class Family(string help)
    {
        private readonly Dictionary<string, double> _series = [];

        public string Type { get; set; } = "";

        public bool IsGauge => Type.EndsWith(" gauge", StringComparison.Ordinal);

        public void Add(string series, double value) => _series[series] = _series.GetValueOrDefault(series) + value;

        public void Write(StringBuilder text)
        {
            text.Append(help).Append('\n').Append(Type).Append('\n');
            foreach ((string series, double value) in _series)
            {
                text.Append(series).Append(' ').Append(Format(value)).Append('\n');
            }
        }

        private static string Format(double value) =>
            double.IsPositiveInfinity(value) ? "+Inf" : value.ToString(CultureInfo.InvariantCulture);
    }
}
