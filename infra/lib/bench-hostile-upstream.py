"""A database that was taken over, and somebody who has a right to it: bench-hostile-upstream.py PORT REAL-PORT TICKET-URL SECONDS. Listens on PORT, where a
door of the agent leads to, and lies to all sessions; what the agent asks for itself is passed on to the real server, so that there are sessions at all. Through
the door it logs in again and again, and holds sessions open. Writes `ready` once those stand, and at the end, in one line, what it did and how much of a
processor it used."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import os
import struct
import sys
import time
import urllib.parse

STANDING = 8
LOGINS = 20  # a second
PACE = 50  # of what has no end, in each session: messages a second
NOTICE = 8000
MOST_WORK, ENDLESS_WORK = 100_000, 2_000_000_000  # iterations of SCRAM: the most that the agent does, and what it should not begin


def frame(kind, body=b"", length=None):
    return kind + struct.pack("!i", len(body) + 4 if length is None else length) + body


OK = frame(b"R", struct.pack("!i", 0))
IDLE = frame(b"Z", b"I")
WELCOME = OK + frame(b"K", struct.pack("!ii", 7, 9)) + IDLE
DONE = frame(b"C", b"SELECT 0\0") + IDLE
LONG_NOTICE = frame(b"N", b"SNOTICE\0VNOTICE\0C00000\0M" + b"x" * NOTICE + b"\0\0")
ROW = frame(b"T", b"\0\1t\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0))


async def read(reader):
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


class Server:
    """What it says to a session is the next lie of those below."""

    def __init__(self, real):
        self.real, self.standing, self.lies = real, 0, itertools.cycle([
            self.work(MOST_WORK), self.work(ENDLESS_WORK), self.says(frame(b"R", b"\0" * 4, -1)), self.says(OK + frame(b"S", b"x" * 4000, 0x7FFFFFFF)),
            self.notices_at_login, self.in_session(frame(b"N", b"x" * 40, -5)), self.in_session(frame(b"D", b"\0\1", -2**31)), self.in_session(os.urandom(200)),
        ])

    async def serve(self, reader, writer):
        try:
            head = await reader.readexactly(8)
            rest = await reader.readexactly(struct.unpack("!i", head[:4])[0] - 8)
            if struct.unpack("!i", head[4:])[0] == 80877102:
                return
            if b"application_name\0accessplane\0" in rest:
                await self.pass_on(head + rest, reader, writer)
            elif self.standing < STANDING:
                self.standing += 1
                await self.stand(reader, writer, self.standing % 2)
            else:
                await next(self.lies)(reader, writer)
        except (OSError, EOFError):
            pass  # the agent hung up, which is what it should do
        finally:
            writer.close()

    async def pass_on(self, startup, reader, writer):
        back, to = await asyncio.open_connection("127.0.0.1", self.real)
        to.write(startup)

        async def carry(source, sink):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        ways = [asyncio.ensure_future(way) for way in (carry(reader, to), carry(back, writer))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        to.close()

    async def let_in(self, reader, writer):
        """Until the session's own question comes."""
        writer.write(WELCOME)
        while True:
            kind, body = await read(reader)
            if kind == b"Q" and b"backend_start" not in body:
                return
            if kind == b"Q":
                writer.write(DONE)

    async def stand(self, reader, writer, with_row):
        """An answer without end: notices, or one row of two gigabytes."""
        await self.let_in(reader, writer)
        if with_row:
            writer.write(ROW + frame(b"D", b"\0\1" + struct.pack("!i", 0x7FFFFFFF - 10), 0x7FFFFFFF))
        while True:
            writer.write(b"x" * NOTICE if with_row else LONG_NOTICE)
            await writer.drain()
            await asyncio.sleep(1 / PACE)

    def says(self, lie):
        async def say(_, writer):
            writer.write(lie)
            await writer.drain()
            await asyncio.sleep(1)
        return say

    def in_session(self, lie):
        async def say(reader, writer):
            await self.let_in(reader, writer)
            await self.says(lie)(reader, writer)
        return say

    def work(self, iterations):
        async def ask(reader, writer):
            writer.write(frame(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"))
            _, body = await read(reader)
            nonce = body.rsplit(b"r=", 1)[1] + b"more"
            writer.write(frame(b"R", struct.pack("!i", 11) + b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(os.urandom(16)), iterations)))
            await read(reader)
            writer.write(frame(b"R", struct.pack("!i", 12) + b"v=AAAA"))
            await writer.drain()
        return ask

    @staticmethod
    async def notices_at_login(_, writer):
        writer.write(OK)
        while True:
            writer.write(LONG_NOTICE)
            await writer.drain()
            await asyncio.sleep(0.01)


class Clients:
    def __init__(self, url):
        self.at, self.salted = urllib.parse.urlsplit(url), {}
        self.did = {"logins": 0, "refused": 0, "putOut": 0}

    async def come(self):
        """One session, for as long as the agent lets it go on."""
        self.did["logins"] += 1
        writer = None
        try:
            reader, writer = await asyncio.open_connection(self.at.hostname, self.at.port)
            if not await self.log_in(reader, writer):
                self.did["refused"] += 1
                return
            writer.write(frame(b"Q", b"SELECT 1\0"))
            while await reader.read(65536):
                pass
            self.did["putOut"] += 1
        except (OSError, EOFError):
            self.did["putOut"] += 1
        finally:
            if writer is not None:
                writer.close()

    async def log_in(self, reader, writer):
        pairs = ["user", self.at.username, "database", self.at.path.lstrip("/"), "application_name", "hostile"]
        startup = struct.pack("!i", 196608) + "".join(f"{text}\0" for text in pairs).encode() + b"\0"
        writer.write(struct.pack("!i", len(startup) + 4) + startup)
        nonce = base64.b64encode(os.urandom(18)).decode()
        first = f"n=,r={nonce}"
        await read(reader)
        writer.write(frame(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first) + 3) + b"n,," + first.encode()))
        kind, body = await read(reader)
        if kind != b"R":
            return False
        challenge = body[4:].decode()
        got = dict(part.split("=", 1) for part in challenge.split(","))
        key = (got["s"], int(got["i"]))
        if key not in self.salted:
            self.salted[key] = hashlib.pbkdf2_hmac("sha256", self.at.password.encode(), base64.b64decode(key[0]), key[1])
        client = hmac.digest(self.salted[key], b"Client Key", "sha256")
        bare = f"c=biws,r={got['r']}"
        signature = hmac.digest(hashlib.sha256(client).digest(), f"{first},{challenge},{bare}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signature))).decode()
        writer.write(frame(b"p", f"{bare},p={proof}".encode()))
        while (kind := (await read(reader))[0]) not in b"EZ":
            pass
        return kind == b"Z"


async def run(port, real, url, seconds):
    server, clients, coming = Server(real), Clients(url), set()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", port)

    def come():
        coming.add(one := asyncio.ensure_future(clients.come()))
        one.add_done_callback(coming.discard)

    for _ in range(STANDING):
        come()
    while server.standing < STANDING:
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    processor, since = os.times(), time.monotonic()
    for n in range(int(seconds * LOGINS)):
        come()
        await asyncio.sleep(max(0.0, since + (n + 1) / LOGINS - time.monotonic()))
    used, took = os.times(), time.monotonic() - since
    clients.did["processor"] = (used.user + used.system - processor.user - processor.system) / took
    clients.did["standing"] = sum(1 for one in coming if not one.done())
    print(json.dumps(clients.did), flush=True)
    listening.close()
    os._exit(0)  # the sessions that stand go with it


asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
