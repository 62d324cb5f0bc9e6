using System.Text.Json.Serialization;

namespace Scaling.Batching.Redis.Tests;

public sealed record NewUser(string Name, string Email);

[JsonSerializable(typeof(NewUser))]
internal sealed partial class AppJson : JsonSerializerContext;
