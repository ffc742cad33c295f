"""Strangers at a door: bench-hostile.py PORT SECONDS. Holds 1,000 connections that say nothing, or a byte a second, replaces those that are put out, and
beside that connects, at a bounded pace, to send what no client sends, or to begin TLS and leave. Writes `ready` once they all stand, and at the end, in
one line, what it did and how much of a processor it used."""

import json
import os
import random
import selectors
import socket
import ssl
import struct
import sys
import time

SILENT, SLOW_OF_THEM = 1000, 50
RECONNECTS, GARBAGE, HELLOS = 150, 50, 10  # a second, at most
ADDRESSES = [f"127.0.1.{i}" for i in range(1, 9)]
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.set_alpn_protocols(["postgresql"])


def hello():
    """What a TLS client says first: the server must do its costly part before it can know that nobody waits for it."""
    said = ssl.MemoryBIO()
    try:
        TLS.wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return said.read()


def garbage():
    return random.choice([
        random.randbytes(random.randrange(1, 400)),
        struct.pack("!i", -1) + random.randbytes(60),
        struct.pack("!i", 0x7FFFFFFF) + random.randbytes(60),
        struct.pack("!ii", 9000, 196608) + b"user\0x\0" * 40,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack("!ii", 16, 80877102) + random.randbytes(8),
    ])


class Attack:
    def __init__(self, port):
        self.port, self.looking = port, selectors.DefaultSelector()
        self.born, self.at = 0, 0
        self.did = {"putOut": 0, "refused": 0, "garbage": 0, "hellos": 0, "most": 0}

    def connect(self, first, kind):
        client = socket.socket()
        client.setblocking(False)
        client.bind((ADDRESSES[self.at % len(ADDRESSES)], 0))
        self.at += 1
        client.connect_ex(("127.0.0.1", self.port))
        self.looking.register(client, selectors.EVENT_READ | (selectors.EVENT_WRITE if first else 0), [kind, first])

    def stand(self):
        self.connect(b"", "slow" if self.born % (SILENT // SLOW_OF_THEM) == 0 else "silent")
        self.born += 1

    def leave(self, client, kind):
        self.looking.unregister(client)
        client.close()
        if kind in ("silent", "slow"):
            self.did["putOut"] += 1

    def look(self, patience):
        for key, events in self.looking.select(patience):
            client, (kind, first) = key.fileobj, key.data
            try:
                if events & selectors.EVENT_WRITE and first:
                    client.send(first)
                    if kind == "garbage":
                        client.shutdown(socket.SHUT_WR)  # that was all: it takes no place any longer than it must
                    key.data[1] = b""
                    self.looking.modify(client, selectors.EVENT_READ, key.data)
                if events & selectors.EVENT_READ:
                    said = client.recv(65536)
                    self.did["refused"] += b"too many logins" in said
                    if not said or kind == "hellos":
                        self.leave(client, kind)
            except BlockingIOError:
                pass
            except OSError:
                self.leave(client, kind)

    def drip(self):
        for key in list(self.looking.get_map().values()):
            if key.data[0] == "slow":
                try:
                    key.fileobj.send(b"\0")
                except OSError:
                    pass  # it was put out: the next look sees it

    def standing(self):
        return sum(1 for key in self.looking.get_map().values() if key.data[0] in ("silent", "slow"))

    def run(self, seconds):
        while self.standing() < SILENT:
            for _ in range(8):
                self.stand()
            self.look(0.01)
        print("ready", flush=True)
        processor, since = os.times(), time.monotonic()
        due = {"stand": since, "garbage": since, "hellos": since, "drip": since}
        pace = {"stand": 1 / RECONNECTS, "garbage": 1 / GARBAGE, "hellos": 1 / HELLOS, "drip": 1}
        while (now := time.monotonic()) - since < seconds:
            for what in due:
                if now < due[what]:
                    continue
                due[what] = max(due[what] + pace[what], now - 0.1)
                if what == "stand":
                    missing = SILENT - self.standing()
                    self.did["most"] = max(self.did["most"], SILENT - missing)
                    if missing > 0:
                        self.stand()
                elif what == "drip":
                    self.drip()
                else:
                    self.connect(garbage() if what == "garbage" else hello(), what)
                    self.did[what] += 1
            self.look(max(0.0, min(due.values()) - time.monotonic()))
        used, took = os.times(), time.monotonic() - since
        self.did["processor"] = (used.user + used.system - processor.user - processor.system) / took
        print(json.dumps(self.did), flush=True)


Attack(int(sys.argv[1])).run(float(sys.argv[2]))
