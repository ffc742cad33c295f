using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// One event of the log for those who keep it elsewhere: a CloudEvent whose data is an OCSF event. Our own event stands in it whole, under `unmapped`, as
/// auditors see it; what only the product itself has a use for (verifiers, hashes of tokens) is named and withheld.
/// </summary>
internal sealed class AuditEvent(string source, bool transcripts)
{
    /// <param name="previous">The position of the event before it in the log: whoever holds another one as the last has a gap.</param>
    public CloudEvent Of(Stored stored, long previous)
    {
        var (name, subject) = (EventNames.Of(stored.Event), $"stream/{stored.Stream:D}");
        return new CloudEvent(
            stored.Id.ToString("D"), source, $"accessplane.audit.{name}", subject, stored.At,
            [("position", Text(stored.Position)), ("previous", Text(previous))], Ocsf(stored, name, previous));
    }

    private static string Text(long position) => position.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private JsonObject Ocsf(Stored stored, string name, long previous)
    {
        var ocsf = OcsfClass.Of(stored.Event.GetType());
        var by = stored.Context.Actor;
        var json = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["version"] = OcsfClass.Version,
                ["product"] = new JsonObject { ["name"] = "AccessPlane", ["vendor_name"] = "AccessPlane" },
                ["uid"] = stored.Id.ToString("D"),
                ["event_code"] = name,
                ["sequence"] = stored.Position,
                ["correlation_uid"] = stored.Context.Correlation.ToString("D"),
            },
            ["category_uid"] = ocsf.Category,
            ["category_name"] = ocsf.CategoryName,
            ["class_uid"] = ocsf.Class,
            ["class_name"] = ocsf.ClassName,
            ["activity_id"] = ocsf.Activity,
            ["activity_name"] = ocsf.ActivityName,
            ["type_uid"] = ocsf.Type,
            ["severity_id"] = ocsf.Severity,
            ["time"] = stored.At.ToUnixTimeMilliseconds(),
            ["message"] = $"{name.Replace('_', ' ')} by {by.Display}",
            ["actor"] = ActorOf(by),
        };
        Primary(json, ocsf, stored, by);
        json["unmapped"] = new JsonObject
        {
            ["type"] = name,
            ["stream"] = stored.Stream.ToString("D"),
            ["version"] = stored.Version,
            ["position"] = stored.Position,
            ["previous"] = previous,
            ["actor"] = Node(by),
            ["causation"] = stored.Context.Causation?.ToString("D"),
            ["policyVersion"] = stored.Context.PolicyVersion,
            ["rules"] = stored.Context.Rules is { } rules ? Node(rules) : null,
            ["data"] = DataOf(stored.Event),
        };
        Trim(json["actor"]!.AsObject());
        Trim(json["unmapped"]!.AsObject());
        return json;
    }

    /// <summary>What is not there is left out, as everywhere.</summary>
    private static void Trim(JsonObject json)
    {
        foreach (var absent in json.Where(m => m.Value is null).Select(m => m.Key).ToList())
        {
            json.Remove(absent);
        }
    }

    /// <summary>What the class requires beside the base event.</summary>
    private static void Primary(JsonObject json, OcsfClass ocsf, Stored stored, Actor by)
    {
        switch (ocsf.Class)
        {
            case 3002:
                json["user"] = UserOf(stored.Event is SessionOpened opened ? opened.Holder : by);
                json["session"] = new JsonObject { ["uid"] = stored.Stream.ToString("D") };
                json["service"] = new JsonObject { ["name"] = stored.Event is SessionOpened on ? on.Resource : "AccessPlane" };
                json["is_remote"] = true;
                break;
            case 3003:
                json["user"] = UserOf(by);
                json["privileges"] = new JsonArray($"grant {stored.Stream:D}");
                break;
            case 3005:
                json["user"] = UserOf(stored.Event is GrantIssued issued ? issued.Holder : by);
                json["privileges"] = new JsonArray($"grant {stored.Stream:D}");
                if (stored.Event is GrantIssued { Resource: var resource, Entitlement: var entitlement })
                {
                    json["resource"] = new JsonObject { ["name"] = resource, ["type"] = "resource" };
                    json["privileges"] = new JsonArray(entitlement);
                }
                break;
            case 3004:
                json["entity"] = new JsonObject { ["uid"] = stored.Stream.ToString("D"), ["type"] = EventNames.Of(stored.Event).Split('_')[0] };
                break;
            case 6005:
                json["src_endpoint"] = EndpointOf(stored.Event);
                json["database"] = new JsonObject
                {
                    ["name"] = stored.Event is OperationHeld { Operation: var held } ? held.Database : "(of the session)",
                    ["type_id"] = 1, // relational
                };
                json["type_id"] = 1; // a database
                if (stored.Event is OperationHeld { Operation: var operation })
                {
                    json["query_info"] = new JsonObject { ["query_string"] = operation.Text, ["uid"] = operation.Hold.ToString("D") };
                }
                break;
        }
    }

    private static JsonObject EndpointOf(IEvent e) => e switch
    {
        OperationHeld held => new JsonObject { ["name"] = held.Operation.Client },
        TranscriptRecorded recorded => new JsonObject { ["name"] = $"agent {recorded.Agent}" },
        _ => new JsonObject { ["name"] = "unknown" },
    };

    private static JsonObject ActorOf(Actor actor) => new() { ["user"] = UserOf(actor), ["app_name"] = actor.Act.Count > 0 ? actor.Display : null };

    private static JsonObject UserOf(Actor actor) => new()
    {
        ["uid"] = actor.Key,
        ["name"] = actor.Name,
        ["type_id"] = actor.Kind == ActorKind.Person ? 1 : 3, // user, or system
        ["groups"] = new JsonArray([.. actor.Groups.Select(g => (JsonNode)new JsonObject { ["name"] = g })]),
    };

    private JsonObject DataOf(IEvent e)
    {
        var data = JsonSerializer.SerializeToNode(e, e.GetType(), Json.Options)!.AsObject();
        string[] hidden = e switch
        {
            _ when Withheld.Members.TryGetValue(e.GetType(), out var ours) => [ours],
            // the text says it all, and its model would say it again
            PolicyPublished => ["model"],
            TranscriptRecorded when !transcripts => ["entries"],
            _ => [],
        };
        foreach (var member in hidden)
        {
            data[member] = Withheld.Word;
        }
        return data;
    }

    private static JsonNode Node<T>(T value) => JsonSerializer.SerializeToNode(value, Json.Options)!;
}
