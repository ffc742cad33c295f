using AccessPlane.ControlPlane;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>Whoever starts a control plane with a wrong configuration is told what is wrong, a line for each thing, and no more than that.</summary>
public sealed class LifeTests
{
    public static TheoryData<Exception> Wrong =>
    [
        new OptionsValidationException("Broker", typeof(object), ["this is wrong", "and that"]),
        new AggregateException(new OptionsValidationException("Broker", typeof(object), ["this is wrong"]), new OptionsValidationException("Evidence", typeof(object), ["and that"])),
        new ValidationException([new ValidationFailure("One", "this is wrong"), new ValidationFailure("Two", "and that")]),
    ];

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public async Task A_wrong_configuration_is_told_in_lines(Exception wrong)
    {
        await using var problems = new StringWriter { NewLine = "\n" };
        Assert.Equal(2, await Life.Of(() => throw wrong, problems));
        Assert.Equal("this is wrong\nand that\n", problems.ToString());
    }
}
