"""One session that does all that is slow, again and again: bench-pathological.py URL SECONDS beside|past. Writes `ready` when it has begun, and at the end how
often it went round."""

import random
import sys
import threading
import time

import psycopg2
import psycopg2.errors

TERMS = 300  # about 20 KB of text
HELD_FOR = 0.2
BETWEEN_HOLDS = 13  # seconds: a session that has more than five in a minute is refused


def never_seen():
    """With names that no text had before, so that nothing that is known of another one helps."""
    salt = random.randrange(1 << 60)
    terms = ", ".join(f"coalesce(a{i % 4}.abalance, {random.randrange(1 << 30)}) + {i} AS c{salt}_{i}" for i in range(TERMS))
    tables = " CROSS JOIN ".join(f"(SELECT abalance FROM pgbench_accounts WHERE aid = {random.randrange(1, 1000)}) a{i}" for i in range(4))
    return f"SELECT {terms} FROM {tables}"


def hold(session, cursor):
    """A statement that waits for people, and is given up."""
    giving_up = threading.Timer(HELD_FOR, session.cancel)
    giving_up.start()
    try:
        cursor.execute("UPDATE bench_waits SET n = 1")
        sys.exit("nothing was held")
    except psycopg2.errors.QueryCanceled:
        pass
    finally:
        giving_up.join()


def run(url, seconds, where):
    session = psycopg2.connect(url)
    session.autocommit = True
    cursor = session.cursor()
    print("ready", flush=True)
    since, cycles, held = time.monotonic(), 0, None
    while time.monotonic() - since < seconds:
        for _ in range(5):
            cursor.execute(never_seen())
            cursor.fetchall()
        cursor.execute("SELECT big FROM bench_huge")
        is_masked = not cursor.fetchone()[0].startswith("0123")
        if is_masked != (where == "beside"):
            sys.exit("the huge rows are masked where they should not be, or not where they should")
        cursor.execute("SELECT i, a, b FROM bench_many")  # libpq takes the rows in, nothing is made of them
        if where == "beside" and (held is None or time.monotonic() - held > BETWEEN_HOLDS):
            held = time.monotonic()
            hold(session, cursor)
        cycles += 1
    print(cycles, flush=True)


run(sys.argv[1], float(sys.argv[2]), sys.argv[3])
