using System.CommandLine;
using System.CommandLine.Parsing;

namespace AccessPlane.Cli.Shell;

/// <summary>What names a file, a folder or a program may not be empty: that is what a script leaves whose variable is not set.</summary>
internal static class Empty
{
    public static Option<T> NotEmpty<T>(this Option<T> option)
    {
        option.Validators.Add(result => Refuse(result, option.Name, result.Tokens));
        return option;
    }

    /// <summary>Of several words the first: what follows may mean something to the program that it names.</summary>
    public static Argument<T> NotEmpty<T>(this Argument<T> argument)
    {
        argument.Validators.Add(result => Refuse(result, argument.Name, result.Tokens.Take(1)));
        return argument;
    }

    private static void Refuse(SymbolResult result, string name, IEnumerable<Token> given)
    {
        if (given.Any(t => t.Value.Length == 0))
        {
            result.AddError($"`{name}` is empty");
        }
    }
}
