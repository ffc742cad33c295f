"""A processor that is kept as busy as an attack keeps it, by nothing that touches the product: bench-hostile-busy.py SHARE SECONDS. Writes `ready` before it
begins, and at the end, in one line, how much of a processor it used."""

import json
import os
import sys
import time

STEP = 0.004  # seconds: servers work in about such stretches


def run(share, seconds):
    print("ready", flush=True)
    processor, since = os.times(), time.monotonic()
    while (now := time.monotonic()) - since < seconds:
        work, end = now + STEP * share, now + STEP
        while time.monotonic() < work:
            sum(range(500))
        time.sleep(max(0.0, end - time.monotonic()))
    used, took = os.times(), time.monotonic() - since
    print(json.dumps({"processor": (used.user + used.system - processor.user - processor.system) / took}), flush=True)


run(float(sys.argv[1]), float(sys.argv[2]))
