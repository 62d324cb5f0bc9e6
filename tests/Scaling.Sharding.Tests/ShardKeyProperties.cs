using System.Buffers.Binary;
using System.IO.Hashing;
using FsCheck;
using FsCheck.Xunit;

namespace Scaling.Sharding.Tests;

/// <summary>Numbers and Guids have a hash of their own in this package; it must be System.IO.Hashing's XxHash3 to the last bit.</summary>
public sealed class ShardKeyProperties
{
    [Property(MaxTest = 20_000)]
    public bool A_number_hashes_as_its_eight_bytes_little_endian(DoNotSize<long> number)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number.Item);
        return ((ShardKey)number.Item).Hash == XxHash3.HashToUInt64(bytes);
    }

    [Property(MaxTest = 20_000)]
    public bool A_guid_hashes_as_its_sixteen_bytes_in_network_order(Guid id) =>
        ((ShardKey)id).Hash == XxHash3.HashToUInt64(id.ToByteArray(bigEndian: true));
}
