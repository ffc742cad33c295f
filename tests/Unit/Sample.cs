namespace AccessPlane.Tests.Unit;

/// <summary>Some value of any type of record, with every member that cannot be null there: for tests that push all events through a function.</summary>
public static class Sample
{
    public static object Of(Type type)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (type == typeof(string))
        {
            return "sample";
        }
        if (type.IsArray || (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)))
        {
            return Array.CreateInstance(type.IsArray ? type.GetElementType()! : type.GetGenericArguments()[0], 0);
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            return Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GetGenericArguments()))!;
        }
        if (type.IsValueType)
        {
            return Activator.CreateInstance(type)!;
        }
        var make = type.GetConstructors().MaxBy(c => c.GetParameters().Length)!;
        return make.Invoke([.. make.GetParameters().Select(p => p.HasDefaultValue ? p.DefaultValue : Of(p.ParameterType))]);
    }
}
