using System.Runtime.InteropServices;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>libpg_query: PostgreSQL 15's own parser as a shared library (Debian: libpg-query1504.0).</summary>
internal static unsafe partial class PgParserLibrary
{
    private const string Name = "libpg_query.so.1504.0";

    [StructLayout(LayoutKind.Sequential)]
    private struct ParseResult
    {
        public byte* Tree;
        public byte* StandardError;
        public ParseError* Error;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ParseError
    {
        public byte* Message;
        public byte* Function;
        public byte* File;
        public int Line;
        public int Position;
        public byte* Context;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProcedureResult
    {
        public byte* Tree;
        public ParseError* Error;
    }

    [LibraryImport(Name, EntryPoint = "pg_query_parse_plpgsql")]
    private static partial ProcedureResult ParseProcedure(byte* text);

    [LibraryImport(Name, EntryPoint = "pg_query_free_plpgsql_parse_result")]
    private static partial void Free(ProcedureResult result);

    [LibraryImport(Name, EntryPoint = "pg_query_parse")]
    private static partial ParseResult Parse(byte* text);

    [LibraryImport(Name, EntryPoint = "pg_query_free_parse_result")]
    private static partial void Free(ParseResult result);

    public delegate T? Reader<T>(ReadOnlySpan<byte> tree)
        where T : class;

    /// <param name="text">UTF-8 without NUL, with a NUL behind its last byte; within the bounds of <see cref="Contracts.Sql.SqlBounds"/> for this thread's stack.</param>
    /// <param name="error">What the parser says where it cannot read the text.</param>
    /// <param name="position">The character it stumbled over, from 1; 0 where it does not say.</param>
    public static T? Parse<T>(ReadOnlySpan<byte> text, Reader<T> read, out string? error, out int position)
        where T : class
    {
        fixed (byte* start = text)
        {
            var result = Parse(start);
            try
            {
                if (result.Error is not null)
                {
                    error = Marshal.PtrToStringUTF8((nint)result.Error->Message) ?? "syntax error";
                    position = result.Error->Position;
                    return null;
                }
                error = null;
                position = 0;
                return read(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result.Tree));
            }
            finally
            {
                Free(result);
            }
        }
    }

    /// <summary>The bodies of PL/pgSQL in a DO or CREATE FUNCTION.</summary>
    /// <param name="text">As for <see cref="Parse{T}"/>.</param>
    /// <returns>Null where they cannot be read.</returns>
    public static T? ParseProcedure<T>(ReadOnlySpan<byte> text, Reader<T> read)
        where T : class
    {
        fixed (byte* start = text)
        {
            var result = ParseProcedure(start);
            try
            {
                return result.Error is null && result.Tree is not null ? read(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(result.Tree)) : null;
            }
            finally
            {
                Free(result);
            }
        }
    }
}
