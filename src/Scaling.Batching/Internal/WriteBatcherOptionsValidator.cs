using Microsoft.Extensions.Options;

namespace Scaling.Batching.Internal;

/// <summary>Brings the one <c>Validate()</c> to the host's start.</summary>
internal sealed class WriteBatcherOptionsValidator<TItem> : IValidateOptions<WriteBatcherOptions<TItem>>
{
    public ValidateOptionsResult Validate(string? name, WriteBatcherOptions<TItem> options)
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
