using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What the server says of the session itself: by itself, and where it was asked.</summary>
internal sealed partial class PgServerAnswers
{
    /// <summary>What the session has become was asked for: now its client may go on.</summary>
    private Fit Looked(byte status)
    {
        if (!state.Doubt.Ready(status, out var again))
        {
            return Fit.Misfit;
        }
        state.Reply = again;
        return again.Length > 0 ? Fit.Drops : Fit.Passes;
    }

    /// <summary>A setting that the server reports. Some must never change: what is read here and what runs there would be two languages.</summary>
    private Fit Parameter(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var name = reader.Text();
        var value = reader.Text();
        if (!reader.Exact)
        {
            return Fit.Misfit;
        }
        var drifted = name.SequenceEqual("client_encoding"u8) ? !PgSettings.IsUtf8(Encoding.ASCII.GetString(value)) :
            name.SequenceEqual("standard_conforming_strings"u8) ? !value.SequenceEqual("on"u8) :
            name.SequenceEqual("search_path"u8) ? !state.Sight.IsPinned(Encoding.UTF8.GetString(value)) :
            name.SequenceEqual("session_authorization"u8) || name.SequenceEqual("is_superuser"u8);
        if (drifted)
        {
            state.Broken ??= $"the setting `{Encoding.ASCII.GetString(name)}` changed, and the session's statements can no longer be read as the database reads them";
            return Fit.Misfit;
        }
        return Fit.Passes;
    }
}
