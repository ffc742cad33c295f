using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>PostgreSQL's own grammars, wherever they run.</summary>
public interface IPgGrammar
{
    /// <summary>Reads a text and shows its tree, as JSON that lives no longer than the call.</summary>
    /// <returns>False where the text is not of the language, or is too big to be read.</returns>
    bool Read(string text, PgLanguage language, Action<ReadOnlyMemory<byte>> look);
}

/// <summary>PlPgSql wants a whole DO or CREATE FUNCTION.</summary>
public enum PgLanguage { Sql, PlPgSql }

/// <summary>
/// A text's tree → facts, in one catalog: what the text says itself, and what everything says that runs along with it — functions, blocks, defaults,
/// views. Bodies are read once each; what leads to them is a list of things to do, so that neither cycles nor depth matter.
/// </summary>
public sealed partial class PgAnalyst
{
    internal const int MostBodies = 2000;

    private readonly IPgGrammar grammar;
    private readonly FrozenDictionary<uint, PgFunction> functions;
    private readonly FrozenDictionary<string, IReadOnlyList<string>> family;
    private readonly ConcurrentDictionary<uint, PgFindings> bodies = [];
    private readonly ConcurrentDictionary<string, PgFindings> rules = [];
    private readonly ConcurrentDictionary<string, string> said = [];

    public PgAnalyst(PgCatalog catalog, IPgGrammar grammar)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        Catalog = catalog;
        this.grammar = grammar;
        functions = catalog.Functions.Values.SelectMany(f => f).ToFrozenDictionary(f => f.Oid);
        family = PgFamily.Of(catalog);
    }

    public PgCatalog Catalog { get; }

    /// <param name="json">The tree of the text, as libpg_query prints it.</param>
    /// <param name="text">The text itself.</param>
    /// <param name="mayRead">Whether bodies that are not known yet may be read here and now, and however long it takes.</param>
    /// <returns>Null where one would have to be, or it takes long.</returns>
    public StatementFacts? Read(ReadOnlyMemory<byte> json, ReadOnlySpan<byte> text, bool mayRead = true) => Read(json, text, mayRead, out _);

    /// <param name="numbersMatter">False where the facts are those of every text that differs from this one in numbers alone, none of them zero.</param>
    public StatementFacts? Read(ReadOnlyMemory<byte> json, ReadOnlySpan<byte> text, bool mayRead, out bool numbersMatter)
    {
        var found = PgTree.Read(json, Catalog, out var statements, mayRead ? PgFindings.MostSteps : PgFindings.FewSteps);
        numbersMatter = found.NumbersMatter;
        if (found.IsTooMuch && !mayRead)
        {
            return null;
        }
        var blocks = new Dictionary<(string, string), PgFindings>();
        return Follow(found, mayRead, blocks) && (mayRead || !found.IsTooMuch) ? Trace(found.Facts(statements), json, text, mayRead, blocks, ref numbersMatter) : null;
    }

    private ReadOnlyMemory<byte>? Tree(string text, bool mayRead, ref bool asked)
    {
        asked = true;
        ReadOnlyMemory<byte>? tree = null; // never from an array that is null: that would be an empty tree
        return mayRead && grammar.Read(text, PgLanguage.Sql, json => tree = json.ToArray()) ? tree : null;
    }

    /// <param name="blocks">Those of the text that have been read already.</param>
    private bool Follow(PgFindings found, bool mayRead, Dictionary<(string, string), PgFindings> blocks) =>
        (mayRead || found.Blocks.Count == 0) && new PgFollowing(this, found, mayRead).Run(blocks);

    internal IReadOnlyList<string> FamilyOf(string relation) => family.GetValueOrDefault(relation, []);

    internal PgFunction? FunctionOf(uint oid) => functions.GetValueOrDefault(oid);

    public static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>What the catalog says of a relation, as a hash.</summary>
    internal string SaidOf(PgRelation relation) => said.GetOrAdd(relation.FullName, static (_, of) => Hash(string.Join(
        ' ',
        [
            $"{of.Oid} {of.FullName} {of.Kind} {of.HasPolicies} {of.Definition}",
            .. of.Columns.Select(c => $"{c.Number} {c.Name} {c.Type}"),
            .. of.Effects.Select(e => $"{e.On} {e.Why} {e.Function} {e.Relation} {e.Then} {e.Definition}"),
        ])), relation);

    /// <returns>Null where it must be read first, and may not be.</returns>
    internal PgFindings? BodyOf(PgFunction? function, bool mayRead) =>
        function is not null && !mayRead && !bodies.ContainsKey(function.Oid) && IsRead(function) ? null : Body(function);

    /// <summary>What a rule makes of a statement: it is printed as the statement that made it.</summary>
    internal PgFindings? RuleOf(string definition, bool mayRead) =>
        mayRead || rules.ContainsKey(definition) ? rules.GetOrAdd(definition, static (text, self) => self.ReadRule(text), this) : null;

    private PgFindings ReadRule(string definition)
    {
        var found = ReadSql(definition, Catalog);
        if (found is null || found.IsOver)
        {
            found = new PgFindings();
            found.Hide("a rule runs along with it that cannot be read here");
        }
        found.Kinds.Remove("create");
        (found.ChangesSchema, found.Redefines) = (false, false);
        return found;
    }

    private static bool IsRead(PgFunction function) => !function.IsBuiltIn && !function.IsKnown && function.Source is not null;

    private PgFindings Body(PgFunction? function)
    {
        if (function is null)
        {
            var unknown = new PgFindings();
            unknown.Hide("a function that runs along with it is not known here");
            return unknown;
        }
        return bodies.GetOrAdd(function.Oid, static (_, of) => of.Self.ReadBody(of.Function), (Self: this, Function: function));
    }

    private PgFindings ReadBody(PgFunction function)
    {
        var catalog = function.SearchPath is { } path ? Catalog with { SearchPath = path } : Catalog;
        PgFindings found;
        if (function.IsBuiltIn)
        {
            found = new PgFindings();
            found.Hide(PgBuiltIns.WhyOpaque(function.Name));
        }
        else if (function.IsKnown || function.Language == "aggregate")
        {
            found = new PgFindings();
        }
        else
        {
            found = function switch
            {
                { Language: "sql", Source: { Length: > 0 } source } => ReadSql(source, catalog),
                { Language: "sql", Definition: { } definition } => ReadSql(definition, catalog),
                { Language: "plpgsql", Definition: { } definition } => ReadProcedure(definition, catalog),
                { Language: "plpgsql", Source: { } source } => ReadBlock("plpgsql", source, catalog),
                _ => null,
            } ?? new PgFindings();
            if (function.Source is null || found.IsOver)
            {
                found = new PgFindings();
                found.Hide($"the function `{function.FullName}` cannot be read here");
            }
            found.Kinds.Remove("create"); // of a body that is part of its CREATE
        }
        foreach (var also in function.Runs)
        {
            found.Calls.Add(also);
        }
        return found;
    }

    private PgFindings? ReadSql(string text, PgCatalog catalog)
    {
        PgFindings? found = null;
        return grammar.Read(text, PgLanguage.Sql, tree => found = PgTree.Read(tree, catalog, out _)) ? found : null;
    }

    internal PgFindings ReadBlock(string language, string body, PgCatalog catalog)
    {
        if (language == "plpgsql")
        {
            var tag = "$body$";
            for (var i = 0; body.Contains(tag, StringComparison.Ordinal); i++)
            {
                tag = $"$body{i}$";
            }
            return ReadProcedure($"do {tag}{body}{tag}", catalog);
        }
        var found = new PgFindings();
        found.Hide($"the language `{language}` cannot be read here");
        return found;
    }

    private PgFindings ReadProcedure(string definition, PgCatalog catalog)
    {
        var found = new PgFindings();
        PgProcedure? procedure = null;
        if (!grammar.Read(definition, PgLanguage.PlPgSql, tree => procedure = PgProcedure.Read(tree)))
        {
            found.Hide("a block of PL/pgSQL cannot be read here");
            return found;
        }
        found.Hide(procedure!.Opaque);
        foreach (var text in procedure.Texts)
        {
            if (ReadPart(text, catalog) is not { } part)
            {
                found.Hide("a statement of PL/pgSQL cannot be read here");
                return found;
            }
            found.Add(part);
        }
        // each round may be bounded, and all of them together are not
        found.Unbounded |= procedure.Loops && found.Relations.Values.Any(a => (a & RelationAccess.Write) != 0);
        return found;
    }

    /// <summary>A statement, or an expression, or an assignment, which are the end of a SELECT.</summary>
    private PgFindings? ReadPart(string text, PgCatalog catalog)
    {
        if (ReadSql(text, catalog) is { IsOver: false } statement)
        {
            return statement;
        }
        var assigns = text.IndexOf(":=", StringComparison.Ordinal);
        var expression = ReadSql($"select {text}", catalog) ?? (assigns < 0 ? null : ReadSql($"select {text.Remove(assigns, 1)}", catalog));
        expression?.Kinds.Remove("select");
        return expression is { IsOver: false } ? expression : null;
    }
}
