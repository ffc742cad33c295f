using System.Collections;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Projections;
using Xunit;

namespace AccessPlane.Tests.Unit.Projections;

/// <summary>An event that a read model cannot take would stop all of them, and with them every list: each type goes through each, whatever came before it.</summary>
public sealed class EveryEventInEveryReadModelTests
{
    private static readonly Guid Stream = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Someone = new("https://idp", "someone", "someone", ActorKind.Person, [], new Dictionary<string, string>(), []);

    public static TheoryData<string> ReadModels => [.. All.Keys];

    private static Dictionary<string, Projection> All => typeof(Projection).Assembly.GetTypes()
        .Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(Projection)))
        .Select(t => (Projection)Activator.CreateInstance(t)!).ToDictionary(p => p.Name);

    private static readonly List<IEvent> Events = [.. EventNames.All.Order().Select(n => (IEvent)Make(EventNames.TypeOf(n)!, 0)!)];

    private static Stored Stored(IEvent e, long position) => new(position, Stream, position, Guid.CreateVersion7(At), At.AddSeconds(position), new EventContext(Someone, Guid.Empty), e);

    [Theory]
    [MemberData(nameof(ReadModels))]
    public void Every_event_goes_through_after_every_other_and_a_second_time_it_changes_nothing(string name)
    {
        var projection = All[name];
        foreach (var first in Events)
        {
            foreach (var second in Events)
            {
                var rows = new Dictionary<string, FoldedRow>();
                var told = new[] { Stored(first, 1), Stored(second, 2) };
                Apply(projection, rows, told);
                var once = rows.ToDictionary();
                // in a later batch, and in an order that no log has
                Apply(projection, rows, told);
                Apply(projection, rows, [.. told.Reverse()]);
                Assert.Equal(once, rows);
            }
        }
    }

    [Fact]
    public void The_events_here_have_something_in_them() =>
        Assert.All(Events, e => Assert.All(e.GetType().GetProperties().Where(p => !p.PropertyType.IsValueType), p => Assert.NotNull(p.GetValue(e))));

    private static void Apply(Projection projection, Dictionary<string, FoldedRow> rows, IEnumerable<Stored> events)
    {
        var folding = new Folding(projection, rows);
        foreach (var stored in events)
        {
            folding.Apply(stored);
        }
        foreach (var (key, row) in folding.Changed)
        {
            rows[key] = row;
        }
    }

    /// <summary>A value of a type with something in every member.</summary>
    private static object? Make(Type type, int depth)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(TranscriptRecorded))
        {
            var line = $$"""{"seq":1,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":1,"protocol":"simple","text":"SELECT 1","effect":"allow","policy":1}""";
            return new TranscriptRecorded(Stream, "x", 1, 1, 1, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(Stream)), false, $"{line}\n", "");
        }
        if (type == typeof(string))
        {
            return "x";
        }
        if (type == typeof(Guid))
        {
            return Stream;
        }
        if (type == typeof(DateTimeOffset))
        {
            return At;
        }
        if (type == typeof(TimeSpan))
        {
            return TimeSpan.FromMinutes(1);
        }
        if (type == typeof(System.Text.Json.JsonElement))
        {
            return System.Text.Json.JsonSerializer.SerializeToElement("x");
        }
        if (type.IsEnum)
        {
            return Enum.GetValues(type).GetValue(0);
        }
        if (type.IsPrimitive)
        {
            return Convert.ChangeType(1, type, System.Globalization.CultureInfo.InvariantCulture);
        }
        return typeof(IEnumerable).IsAssignableFrom(type) ? Many(type, depth) : Record(type, depth);
    }

    private static object? Record(Type type, int depth)
    {
        var constructor = type.GetConstructors().OrderByDescending(c => c.GetParameters().Length)
            .FirstOrDefault(c => c.GetParameters() is not [{ } only] || only.ParameterType != type);
        Assert.True(constructor is not null, $"no value of {type} can be made");
        return constructor.Invoke([.. constructor.GetParameters().Select(p => Make(p.ParameterType, depth + 1))]);
    }

    /// <summary>One element; none further down, where a type holds itself.</summary>
    private static object Many(Type type, int depth)
    {
        var arguments = type.GetGenericArguments();
        if (arguments.Length == 2)
        {
            return Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(arguments))!;
        }
        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(arguments))!;
        if (depth < 3)
        {
            list.Add(Make(arguments[0], depth + 1));
        }
        return list;
    }
}
