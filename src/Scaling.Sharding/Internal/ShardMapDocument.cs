using System.Text.Json.Serialization;

namespace Scaling.Sharding.Internal;

/// <summary>The JSON form of a shard map.</summary>
internal sealed partial class ShardMapDocument
{
    public required int Format { get; init; }

    public required long Version { get; init; }

    public required int SlotCount { get; init; }

    public required Entry[] Shards { get; init; }

    public required PinnedKey[] Pins { get; init; }

    public required string Fingerprint { get; init; }

    internal sealed class Entry
    {
        public required string Name { get; init; }

        public required int Weight { get; init; }

        public string? Zone { get; init; }

        public required string Slots { get; init; }
    }

    internal sealed class PinnedKey
    {
        public required string Key { get; init; }

        public required int Slot { get; init; }

        public required string Shard { get; init; }
    }

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true)]
    [JsonSerializable(typeof(ShardMapDocument))]
    internal sealed partial class Context : JsonSerializerContext;
}
