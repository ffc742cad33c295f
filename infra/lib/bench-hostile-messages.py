"""Somebody at the broker: bench-hostile-messages.py MANAGEMENT-URL SECONDS QUEUE… Sends, at a bounded pace, what no control plane and no agent has sent to
the queues: poison and forgeries in turn. Writes `ready` before it begins, and at the end, in one line, what it did and how much of a processor it used."""

import base64
import http.client
import json
import os
import sys
import time
import urllib.parse

PACE = 150  # a second: the management interface that they are brought in by costs more than the agent
KINDS = {
    "Directive": {"agent": "orders-agent", "epoch": 1, "position": 10**9, "previous": 10**9 - 1, "kind": "grant-ended", "body": "{}", "at": "2026-01-01T00:00:00Z"},
    "Report": {"agent": "orders-agent", "id": "00000000-0000-7000-8000-000000000000", "kind": "lease-ask", "body": "{}", "at": "2026-01-01T00:00:00Z"},
}


def forged(kind):
    signature = base64.b64encode(os.urandom(64)).decode()
    return json.dumps({"messageType": [f"urn:message:AccessPlane.Contracts.Messages:{kind}"], "message": {**KINDS[kind], "signature": signature}})


def run(url, seconds, queues):
    at = urllib.parse.urlsplit(url)
    login = base64.b64encode(f"{urllib.parse.unquote(at.username)}:{urllib.parse.unquote(at.password)}".encode()).decode()
    broker = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    print("ready", flush=True)
    processor, since, sent = os.times(), time.monotonic(), 0
    while (now := time.monotonic()) - since < seconds:
        if now - since < sent / PACE:
            time.sleep(sent / PACE - (now - since))
        queue = queues[sent % len(queues)]
        payload = "not json" if sent % 4 == 3 else forged("Report" if queue.endswith("reports") else "Directive")
        body = json.dumps({
            "properties": {"content_type": "application/vnd.masstransit+json"}, "routing_key": queue, "payload": payload, "payload_encoding": "string"})
        broker.request("POST", "/api/exchanges/%2F/amq.default/publish", body, {"Authorization": f"Basic {login}", "Content-Type": "application/json"})
        answer = json.load(broker.getresponse())
        if not answer.get("routed"):
            sys.exit(f"`{queue}` did not take it: {answer}")
        sent += 1
    used, took = os.times(), time.monotonic() - since
    print(json.dumps({"sent": sent, "processor": (used.user + used.system - processor.user - processor.system) / took}), flush=True)


run(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
