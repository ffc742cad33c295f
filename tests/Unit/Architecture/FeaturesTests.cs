using System.Collections.Frozen;
using System.Reflection;
using System.Reflection.Emit;
using Xunit;

namespace AccessPlane.Tests.Unit.Architecture;

/// <summary>
/// A feature of the control plane reaches another only through an event. Where one still names another's types, in a signature or in a body, it is on a list
/// that may only get shorter.
/// </summary>
public sealed class FeaturesTests
{
    private const string Root = "AccessPlane.ControlPlane";
    private static readonly Assembly ControlPlane = typeof(AccessPlane.ControlPlane.EventStore.EventLog).Assembly;

    /// <summary>What every feature stands on. It knows no feature.</summary>
    private static readonly string[] Ground = ["EventStore", "Broker", "Http"];

    private static readonly string[] Frozen =
    [
        "AccessRequests → Grants", "AccessRequests → Locks", "AccessRequests → Policies", "AccessRequests → Resources",
        "Agents → AccessRequests", "Agents → Grants", "Agents → History", "Agents → Holds", "Agents → Keys", "Agents → Policies", "Agents → Resources", "Agents → Sessions",
        "Audit → Policies",
        "Evidence → History", "Evidence → Keys",
        "Grants → AccessRequests", "Grants → Agents", "Grants → Locks", "Grants → Policies", "Grants → Resources",
        "History → Agents", "History → Evidence", "History → Grants", "History → Keys", "History → Locks", "History → Sessions",
        "Holds → AccessRequests", "Holds → Agents", "Holds → Locks", "Holds → Policies", "Holds → Sessions",
        "Integrations → Notifications", "Integrations → Policies",
        "Locks → Policies",
        "Notifications → AccessRequests", "Notifications → Holds", "Notifications → Keys", "Notifications → Policies",
        "Policies → Locks", "Policies → Resources",
        "Resources → Agents", "Resources → Policies",
        "Sessions → Agents", "Sessions → Grants", "Sessions → Policies",
    ];

    [Fact]
    public void Features_name_each_other_no_more_than_they_did() => None(All.Value.Where(r => !Ground.Contains(r.From)).Select(Shown).Except(Frozen));

    [Fact]
    public void What_is_not_needed_any_more_is_off_the_list() => None(Frozen.Except(All.Value.Select(Shown)));

    [Fact]
    public void What_features_stand_on_names_no_feature() => None(All.Value.Where(r => Ground.Contains(r.From)).Select(Shown));

    private static readonly Lazy<List<(string From, string To)>> All = new(() => [.. References()]);

    private static void None(IEnumerable<string> references) => Assert.True(!references.Any(), string.Join(", ", references));

    private static string Shown((string From, string To) reference) => $"{reference.From} → {reference.To}";

    private static IEnumerable<(string From, string To)> References() =>
        from type in ControlPlane.GetTypes()
        let feature = FeatureOf(type)
        where feature is not null
        from named in Named(type)
        let other = FeatureOf(named)
        where other is not null && other != feature && !Ground.Contains(other)
        group 0 by (feature, other) into edges
        orderby edges.Key.feature, edges.Key.other
        select edges.Key;

    private static string? FeatureOf(Type type) =>
        type.Namespace is { } name && name.StartsWith($"{Root}.", StringComparison.Ordinal) ? name[(Root.Length + 1)..].Split('.')[0] : null;

    private const BindingFlags Members =
        BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    private static IEnumerable<Type> Named(Type type)
    {
        var methods = type.GetMethods(Members).Cast<MethodBase>().Concat(type.GetConstructors(Members)).ToList();
        return type.GetInterfaces().Append(type.BaseType)
            .Concat(type.GetFields(Members).Select(f => f.FieldType))
            .Concat(methods.SelectMany(m => m.GetParameters().Select(p => p.ParameterType)))
            .Concat(methods.OfType<MethodInfo>().Select(m => m.ReturnType))
            .Concat(methods.SelectMany(InBody))
            .OfType<Type>().SelectMany(Whole);
    }

    /// <summary>A type and what it is made of: `Task&lt;Grant[]&gt;` names `Grant`.</summary>
    private static IEnumerable<Type> Whole(Type type) =>
        (type.HasElementType ? Whole(type.GetElementType()!) : type.IsGenericType ? type.GetGenericArguments().SelectMany(Whole) : []).Append(type);

    private static readonly FrozenDictionary<short, OpCode> OpCodes =
        typeof(OpCodes).GetFields().Select(f => (OpCode)f.GetValue(null)!).ToFrozenDictionary(o => o.Value);

    /// <summary>The types that a method's code names: whose members it uses, and of what they are made.</summary>
    private static IEnumerable<Type?> InBody(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body)
        {
            yield break;
        }
        foreach (var local in body.LocalVariables)
        {
            yield return local.LocalType;
        }
        var code = body.GetILAsByteArray()!;
        var ofType = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < code.Length;)
        {
            var value = code[at] == 0xfe ? (short)(0xfe00 | code[at + 1]) : code[at];
            var instruction = OpCodes[value];
            at += instruction.Size;
            if (instruction.OperandType is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
            {
                var member = method.Module.ResolveMember(BitConverter.ToInt32(code, at), ofType, ofMethod);
                yield return member as Type ?? member?.DeclaringType;
                yield return (member as FieldInfo)?.FieldType;
                yield return (member as MethodInfo)?.ReturnType;
                foreach (var argument in member is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericArguments() : [])
                {
                    yield return argument;
                }
            }
            at += instruction.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }
}
