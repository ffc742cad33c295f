"""Bytes of a .NET process's objects that something still holds: has its runtime collect the others, and prints what it counted.

By the runtime's diagnostic port, as dotnet-gcdump and dotnet-trace do it: a session with the collection as its keyword begins with one, and the events
that come are in the format of a .nettrace file.
"""
import glob
import socket
import struct
import sys
import tempfile

PROVIDER = "Microsoft-Windows-DotNETRuntime"
GC, COLLECT = 0x1, 0x800000
INFORMATIONAL = 4
HEAP_STATS = 4  # the event GCHeapStats
EVENT_PIPE, STOP, COLLECT_TRACING = 2, 1, 3
PATIENCE = 60


def connected(process):
    # one that was killed leaves its socket behind
    for path in glob.glob(f"{tempfile.gettempdir()}/dotnet-diagnostic-{process}-*-socket"):
        port = socket.socket(socket.AF_UNIX)
        port.settimeout(PATIENCE)
        try:
            port.connect(path)
            return port
        except ConnectionRefusedError:
            port.close()
    sys.exit(f"process {process} has no diagnostic port")


def received(port, size):
    data = b""
    while len(data) < size:
        more = port.recv(size - len(data))
        if not more:
            sys.exit("the diagnostic port was closed")
        data += more
    return data


def asked(process, command, payload):
    """The connection, on which a stream may follow, and the session that is meant."""
    port = connected(process)
    port.sendall(struct.pack("<14sHBBH", b"DOTNET_IPC_V1\0", 20 + len(payload), EVENT_PIPE, command, 0) + payload)
    size, _, failed, _ = struct.unpack("<14xHBBH", received(port, 20))
    answer = received(port, size - 20)
    if failed:
        sys.exit(f"command {command} failed: {answer.hex()}")
    return port, answer


def text(value):
    return struct.pack("<I", len(value) + 1) + (value + "\0").encode("utf-16-le")


def number(body, at):
    """Of variable length, seven bits a byte."""
    value = shift = 0
    while True:
        value |= (body[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if body[at - 1] < 128:
            return value, at


def events(block):
    """Which kind of event, and what it says, with headers that leave out what is as in the one before."""
    at, flags = struct.unpack_from("<hh", block)
    assert flags & 1, "events without compressed headers"
    kind = size = 0
    while at < len(block):
        flags, at = block[at], at + 1
        if flags & 1:
            kind, at = number(block, at)
        # sequence, capturing thread and processor; thread; stack; time
        for _ in range((3 if flags & 2 else 0) + (1 if flags & 4 else 0) + (1 if flags & 8 else 0) + 1):
            _, at = number(block, at)
        at += (16 if flags & 16 else 0) + (16 if flags & 32 else 0)
        if flags & 128:
            size, at = number(block, at)
        yield kind, block[at:at + size]
        at += size


def blocks(stream):
    """Those that have come as a whole: their kind and what stands in them."""
    at = 32
    while len(stream) > at + 15 and stream[at] == 5:
        length = struct.unpack_from("<i", stream, at + 11)[0]
        name, at = stream[at + 15:at + 15 + length], at + 15 + length + 1
        if name == b"Trace":
            at += 48 + 1
            continue
        if len(stream) < at + 4:
            return
        size = struct.unpack_from("<i", stream, at)[0]
        at = (at + 4 + 3) // 4 * 4
        if len(stream) < at + size + 1:
            return
        yield name, stream[at:at + size]
        at += size + 1


def is_heap_stats(metadata):
    end = 4
    while metadata[end:end + 2] != b"\0\0":
        end += 2
    return metadata[4:end].decode("utf-16-le") == PROVIDER and struct.unpack_from("<i", metadata, end + 2)[0] == HEAP_STATS


def survived(stream):
    """What survived each collection, in bytes."""
    kinds, found = set(), []
    for name, block in blocks(stream):
        if name == b"MetadataBlock":
            kinds |= {struct.unpack_from("<i", said)[0] for _, said in events(block) if is_heap_stats(said)}
        elif name == b"EventBlock":
            for kind, said in events(block):
                if kind in kinds:
                    # sizes and what was promoted, generation by generation; the pinned ones' come last
                    stats = struct.unpack_from("<10Q3IH2Q", said)
                    found.append(sum(stats[1:8:2]) + stats[15])
    return found


def collected(process):
    provider = struct.pack("<QI", GC | COLLECT, INFORMATIONAL) + text(PROVIDER) + struct.pack("<I", 0)
    port, session = asked(process, COLLECT_TRACING, struct.pack("<II?I", 16, 1, False, 1) + provider)
    stream = b""
    while not survived(stream):
        more = port.recv(1 << 16)
        if not more:
            sys.exit("the diagnostic port was closed before anything was collected")
        stream += more
    asked(process, STOP, session)[0].close()
    while more := port.recv(1 << 16):
        stream += more
    # of a small collection that came between, only what survived of the youngest is counted
    return max(survived(stream))


# what only waits for its finalizer is gone the second time
collected(sys.argv[1])
print(collected(sys.argv[1]))
