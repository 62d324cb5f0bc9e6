using Microsoft.Extensions.Options;

namespace Scaling.Batching.Redis.Internal;

/// <summary>Brings the one <c>Validate()</c> to the host's start.</summary>
internal sealed class RedisStreamWriteQueueOptionsValidator : IValidateOptions<RedisStreamWriteQueueOptions>
{
    public ValidateOptionsResult Validate(string? name, RedisStreamWriteQueueOptions options)
    {
        try
        {
            options.Validate();
            return ValidateOptionsResult.Success;
        }
        catch (ArgumentException error)
        {
            return ValidateOptionsResult.Fail(error.Message);
        }
    }
}
