using System.Text.Json;
using AccessPlane.Contracts;
using Xunit;

namespace AccessPlane.Tests.Unit.Domain;

/// <summary><c>Given(events).When(command).Then(events)</c>, or <c>.ThenRefused("code")</c>.</summary>
public sealed class Specification<TState>(TState initial, Func<TState, IEvent, TState> evolve)
{
    public Situation<TState> Given(params IEvent[] events) => new(events.Aggregate(initial, evolve), evolve);
}

public sealed class Situation<TState>(TState state, Func<TState, IEvent, TState> evolve)
{
    public TState State => state;

    public Consequence<TState> When(Func<TState, Outcome> decide) => new(decide(state), state, evolve);
}

public sealed class Consequence<TState>(Outcome outcome, TState before, Func<TState, IEvent, TState> evolve)
{
    public IReadOnlyList<IEvent> Events => outcome is Outcome.Happened happened ? happened.Events : [];

    public Refusal? Refusal => outcome switch
    {
        Outcome.Refused refused => refused.Refusal,
        Outcome.Happened happened => happened.ThenRefuse,
        _ => null,
    };

    public TState After => Events.Aggregate(before, evolve);

    /// <summary>Events of a stream that begins in the same transaction.</summary>
    public IReadOnlyList<IEvent> Beginning => Assert.Single(Assert.IsType<Outcome.Happened>(outcome).Streams).Events;

    /// <summary>Exactly these, compared as they would be stored.</summary>
    public Consequence<TState> Then(params IEvent[] expected)
    {
        Assert.Null(Refusal);
        Assert.Equal(expected.Select(Stored), Events.Select(Stored));
        return this;
    }

    /// <summary>Events of these types.</summary>
    public Consequence<TState> Then(params Type[] expected)
    {
        Assert.Null(Refusal);
        Assert.Equal(expected.Select(t => t.Name), Events.Select(e => e.GetType().Name));
        return this;
    }

    public Consequence<TState> ThenNothing()
    {
        Assert.Null(Refusal);
        Assert.Empty(Events);
        return this;
    }

    /// <summary>Refused, and nothing happened.</summary>
    public Consequence<TState> ThenRefused(string code)
    {
        Assert.Equal(code, Refusal?.Code);
        Assert.Empty(Events);
        return this;
    }

    /// <summary>Refused, and these events were written down.</summary>
    public Consequence<TState> ThenRefused(string code, params Type[] expected)
    {
        Assert.Equal(code, Refusal?.Code);
        Assert.Equal(expected.Select(t => t.Name), Events.Select(e => e.GetType().Name));
        return this;
    }

    /// <summary>The one event of a type among those that happened, here or at the beginning of another stream.</summary>
    public TEvent Happened<TEvent>()
        where TEvent : IEvent =>
        Assert.Single(Assert.IsType<Outcome.Happened>(outcome).Streams.SelectMany(s => s.Events).Concat(Events).OfType<TEvent>());

    private static string Stored(IEvent e) => $"{e.GetType().Name} {JsonSerializer.Serialize(e, e.GetType(), Json.Options)}";
}
