using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Caching.Hybrid;

namespace Scaling.Caching.Internal;

/// <summary>Serializers for the types of a source-generated JSON context; strings and byte arrays are left to HybridCache, which writes them as they are.</summary>
internal sealed class JsonContextSerializers(JsonSerializerContext context) : IHybridCacheSerializerFactory
{
    public bool TryCreateSerializer<T>([NotNullWhen(true)] out IHybridCacheSerializer<T>? serializer)
    {
        bool isRaw = typeof(T) == typeof(string) || typeof(T) == typeof(byte[]);
        serializer = !isRaw && context.GetTypeInfo(typeof(T)) is JsonTypeInfo<T> type ? new Serializer<T>(type) : null;
        return serializer is not null;
    }

    private sealed class Serializer<T>(JsonTypeInfo<T> type) : IHybridCacheSerializer<T>
    {
        public T Deserialize(ReadOnlySequence<byte> source)
        {
            var reader = new Utf8JsonReader(source);
            return JsonSerializer.Deserialize(ref reader, type)!;
        }

        public void Serialize(T value, IBufferWriter<byte> target)
        {
            using var writer = new Utf8JsonWriter(target);
            JsonSerializer.Serialize(writer, value, type);
        }
    }
}
