"""How fast a right comes and goes: bench-revoke.py API-URL decide TIMES | cut SESSIONS ROUNDS. Prints a line for each measurement: what, and milliseconds."""

import select
import sys
import threading
import time

import psycopg2

from bench_api import Api, plain

PATIENCE = 60


def took(what, since):
    print(what, f"{(time.perf_counter() - since) * 1000:.2f}", flush=True)


def granted(api, who, entitlement, duration):
    return api.do(who, "POST", "/requests", {"entitlement": entitlement, "duration": duration, "reason": "bench"})


def ticket(api, grant, connections):
    """The agent knows it when it is answered. A grant that was just made may not be there yet."""
    until = time.monotonic() + PATIENCE
    while True:
        status, said = api.call("engineer", "POST", f"/grants/{grant}/tickets", {"connections": connections, "database": "orders"})
        if status < 300:
            return plain(said["url"])
        if time.monotonic() > until:
            raise SystemExit(f"no ticket: {said}")
        time.sleep(0.001)


def decide(api, times):
    for _ in range(times):
        api.token("engineer")
        api.token("dba")
        began = time.perf_counter()
        request = granted(api, "engineer", "orders-write", "PT20M")
        took("request", began)
        asked = time.perf_counter()
        approved = api.do("dba", "POST", f"/requests/{request['id']}/reviews", {"verdict": "approve"})
        took("approve", asked)
        asked = time.perf_counter()
        url = ticket(api, approved["grantId"], 1)
        took("ticket", asked)
        took("known", began)
        asked = time.perf_counter()
        session = psycopg2.connect(url)
        session.cursor().execute("SELECT 1")
        took("session", asked)
        took("all", began)
        session.close()
        api.do("dba", "POST", f"/grants/{approved['grantId']}/revoke", {"reason": "bench"})


def cut(api, sessions, rounds):
    for _ in range(rounds):
        grant = granted(api, "engineer", "orders-read", "PT1H")["grantId"]
        url = ticket(api, grant, sessions)
        ours = [psycopg2.connect(url) for _ in range(sessions)]
        watch = select.epoll()
        for session in ours:
            watch.register(session.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)
        if watch.poll(0.5):
            raise SystemExit("a session is not idle")
        api.token("admin")
        began = time.perf_counter()

        def revoke():
            api.do("admin", "POST", f"/grants/{grant}/revoke", {"reason": "bench"})
            took("call", began)

        calling = threading.Thread(target=revoke)
        calling.start()
        left = sessions
        while left > 0:
            heard = watch.poll(PATIENCE)
            if not heard:
                raise SystemExit(f"{left} sessions were not cut")
            for _ in heard:
                took("cut", began)
            left -= len(heard)
        took("last", began)
        calling.join()
        for session in ours:
            session.close()


{"decide": decide, "cut": cut}[sys.argv[2]](Api(sys.argv[1]), *map(int, sys.argv[3:]))
