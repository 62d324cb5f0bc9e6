using System.Buffers;
using System.Collections.Concurrent;
using System.ComponentModel;
using System.IO.Hashing;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;

namespace Scaling.Caching.Internal;

/// <summary>What the cache knows of a type: how to serialize it, whether it can be shared, and the mark that tells its entries from another type's.</summary>
internal sealed class ValueType<T>(IHybridCacheSerializer<T> serializer)
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_writer;

    /// <summary>HybridCache's rule: no references inside, or string, or sealed and marked [ImmutableObject(true)]. Others are copied for every caller.</summary>
    public static readonly bool IsImmutable = !RuntimeHelpers.IsReferenceOrContainsReferences<T>()
        || typeof(T) == typeof(string)
        || ((typeof(T).IsSealed || typeof(T).IsValueType)
            && (Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T)).GetCustomAttribute<ImmutableObjectAttribute>() is { Immutable: true });

    // the name without assembly versions: a new build of the same type reads the old one's entries
    public static readonly uint Mark = XxHash32.HashToUInt32(MemoryMarshal.AsBytes(typeof(T).ToString().AsSpan()));

    public IHybridCacheSerializer<T> Serializer => serializer;

    /// <summary>True once a value of the type was written and read back.</summary>
    public bool IsProven { get; set; }

    /// <summary>Non-zero once a failure to serialize was logged.</summary>
    public int Complained;

    /// <summary>The serialized value behind room for a header of the given length.</summary>
    public byte[] Serialize(T value, int headerLength)
    {
        ArrayBufferWriter<byte> writer = s_writer ?? new ArrayBufferWriter<byte>();
        s_writer = null;        // a serializer that calls the cache gets a writer of its own
        writer.GetSpan(headerLength);
        writer.Advance(headerLength);
        if (value is not null)
        {
            serializer.Serialize(value, writer);
        }

        byte[] bytes = writer.WrittenSpan.ToArray();
        if (writer.Capacity <= 64 * 1024)
        {
            writer.ResetWrittenCount();
            s_writer = writer;
        }

        return bytes;
    }
}

/// <summary>Finds serializers as HybridCache does: one for the very type, then the factories, the last registered first.</summary>
internal sealed class ValueTypes(IServiceProvider services)
{
    private readonly ConcurrentDictionary<Type, object> _types = new();

    public ValueType<T> Get<T>() => _types.TryGetValue(typeof(T), out object? known)
        ? (ValueType<T>)known
        : (ValueType<T>)_types.GetOrAdd(typeof(T), new ValueType<T>(Find<T>()));

    private IHybridCacheSerializer<T> Find<T>()
    {
        if (services.GetService<IHybridCacheSerializer<T>>() is { } serializer)
        {
            return serializer;
        }

        foreach (IHybridCacheSerializerFactory factory in services.GetServices<IHybridCacheSerializerFactory>().Reverse())
        {
            if (factory.TryCreateSerializer(out IHybridCacheSerializer<T>? created))
            {
                return created;
            }
        }

        throw new InvalidOperationException($"No serializer for {typeof(T)}: register one with AddCacheAside().AddSerializer or AddSerializerFactory.");
    }
}
