using System.Diagnostics.Metrics;
using AccessPlane.ControlPlane.Integrations;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Integrations;

public sealed class DestinationStateTests
{
    private sealed class At(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    [Fact]
    public async Task What_a_destination_does_not_take_shows_in_its_figures_and_among_what_must_work()
    {
        var state = new DestinationState("figures");
        var ready = new DestinationsAreReached([state]);
        DestinationState.MeasureLag([state], new At(World.Noon.AddMinutes(2)));
        var figures = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "AccessPlane.Integrations")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument, value, tags));
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument, value, tags));
        listener.Start();

        state.Works(3);
        state.Fails("answers 500", World.Noon.AddMinutes(1), World.Noon);
        state.Fails("answers 502", World.Noon.AddMinutes(2), World.Noon);
        listener.RecordObservableInstruments();
        Assert.Equal((3, 2, 120), (figures["accessplane.integrations.delivered"], figures["accessplane.integrations.failed"], figures["accessplane.integrations.lag"]));
        var why = await ready.WhyNot(TestContext.Current.CancellationToken);
        Assert.StartsWith("`figures` answers 502 since ", why, StringComparison.Ordinal);
        Assert.EndsWith("(2 attempts)", why, StringComparison.Ordinal);
        Assert.False(ready.IsNeeded);

        state.GaveUp();
        figures.Remove("accessplane.integrations.lag");
        listener.RecordObservableInstruments();
        Assert.Equal((1, 0), (figures["accessplane.integrations.given_up"], figures["accessplane.integrations.lag"]));
        Assert.Null(await ready.WhyNot(TestContext.Current.CancellationToken));

        void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
            {
                if (tag is { Key: "destination", Value: "figures" })
                {
                    figures[instrument.Name] = figures.GetValueOrDefault(instrument.Name) + value;
                }
            }
        }
    }
}
