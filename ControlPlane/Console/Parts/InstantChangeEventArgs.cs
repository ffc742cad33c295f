using Microsoft.AspNetCore.Components;

namespace AccessPlane.ControlPlane.Console.Parts;

/// <summary>Another instant was chosen. The browser has done the sum: only it knows the reader's zone.</summary>
public sealed class InstantChangeEventArgs : EventArgs
{
    /// <summary>Null where the field was emptied.</summary>
    public DateTimeOffset? Utc { get; set; }
}

/// <summary>By this name Blazor finds the events that the console's script tells of beside the browser's own.</summary>
[EventHandler("oninstantchange", typeof(InstantChangeEventArgs))]
public static class EventHandlers;
