using AccessPlane.Contracts.Events;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class EventNamesTests
{
    private static readonly string[] Frozen = Corpus.Lines("event-names.txt");

    /// <summary>A name in the file may already stand in somebody's log: it must stay readable for ever.</summary>
    [Fact]
    public void Stored_names_only_grow() => Assert.Empty(Frozen.Except(EventNames.All));

    [Fact]
    public void Every_event_is_in_the_frozen_list() => Assert.Empty(EventNames.All.Except(Frozen));

    [Fact]
    public void A_name_leads_back_to_its_type() =>
        Assert.All(EventNames.All, name => Assert.Equal(name, EventNames.Of(EventNames.TypeOf(name)!)));

    [Fact]
    public void Events_are_records_that_cannot_change_after_the_fact() => Assert.All(
        EventNames.All.Select(n => EventNames.TypeOf(n)!).SelectMany(t => t.GetProperties()),
        property => Assert.True(
            property.SetMethod is null || property.SetMethod.ReturnParameter.GetRequiredCustomModifiers().Any(m => m.Name == "IsExternalInit"),
            $"{property.DeclaringType!.Name}.{property.Name} can be set"));
}
