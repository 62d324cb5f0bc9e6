using System.Text.Json.Serialization;

namespace TierDemo.Users;

/// <summary>A user as the API shows it.</summary>
public sealed record User(long Id, string Name, string Email, DateTime CreatedAt);

/// <summary>What a client sends to create one.</summary>
public sealed record NewUser(string? Name, string? Email);

/// <summary>A page of users; <see cref="NextCursor"/> is null at the end.</summary>
public sealed record UserPage(IReadOnlyList<User> Data, string? NextCursor);

/// <summary>What /health answers: <c>ok</c>, or <c>degraded</c> while a circuit is not closed.</summary>
public sealed record HealthAnswer(string Status, int Tier);

[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(User))]
[JsonSerializable(typeof(NewUser))]
[JsonSerializable(typeof(UserPage))]
[JsonSerializable(typeof(HealthAnswer))]
internal sealed partial class UserJson : JsonSerializerContext;
