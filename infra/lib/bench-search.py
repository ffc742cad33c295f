"""What an auditor asks of the operations of a month: bench-search.py API-URL TIMES. Prints a line for each kind of question: milliseconds (p50, p95,
most), how many operations were found on the first page, how often there was no answer, and its name."""

import datetime
import math
import random
import sys
import time
import urllib.parse

from bench_api import Api

random.seed(1)
NOW = datetime.datetime.now(datetime.timezone.utc)


def ago(days):
    return (NOW - datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def hour():
    day = random.uniform(1, 29)
    return {"from": ago(day), "until": ago(day - 1 / 24)}


def table():
    return f"t{random.randrange(40)}"


def person():
    return f"p{random.randrange(50)}"


QUESTIONS = {
    "nothing: the newest": lambda: {},
    "text, in every statement": lambda: {"text": "shop"},
    "text, in one of forty": lambda: {"text": table()},
    "text, in one of five thousand": lambda: {"text": str(random.randrange(100, 5000))},
    "text, two words": lambda: {"text": f"{table()} {random.randrange(100, 5000)}"},
    "text, in none": lambda: {"text": f"nothing{random.randrange(1000)}"},
    "relation": lambda: {"relation": f"shop.{table()}"},
    "relation, of any schema": lambda: {"relation": table()},
    "relation, unknown": lambda: {"relation": f"shop.x{random.randrange(1000)}"},
    "actor": lambda: {"actor": person()},
    "actor, by issuer and subject": lambda: {"actor": f"https://idp.example|{person()}"},
    "actor with one session": lambda: {"actor": "once"},
    "actor, unknown": lambda: {"actor": f"nobody{random.randrange(1000)}"},
    "verdict deny": lambda: {"verdict": "deny"},
    "verdict allow": lambda: {"verdict": "allow"},
    "outcome refused": lambda: {"outcome": "refused"},
    "rule": lambda: {"rule": random.choice(["rule-deny", "rule-hold", "rule-mask"])},
    "rule that all matched": lambda: {"rule": "orders-write"},
    "rule, unknown": lambda: {"rule": f"rule-{random.randrange(1000)}"},
    "time, an hour": hour,
    "actor and verdict": lambda: {"actor": person(), "verdict": "deny"},
    "actor and time": lambda: {"actor": person(), **hour()},
    "text and actor": lambda: {"text": table(), "actor": person()},
    "text and actor with one session": lambda: {"text": table(), "actor": "once"},
    "text, verdict and time": lambda: {"text": table(), "verdict": "hold", **hour()},
    "relation and verdict": lambda: {"relation": f"shop.{table()}", "verdict": "deny"},
    "relation, actor and time": lambda: {"relation": f"shop.{table()}", "actor": person(), **hour()},
    "relation and actor with one session": lambda: {"relation": f"shop.{table()}", "actor": "once"},
}


def run(url, times):
    api = Api(url)
    for name, question in QUESTIONS.items():
        took, found, failed = [], 0, 0
        for n in range(times + 1):
            path = f"/audit/operations?{urllib.parse.urlencode(question())}"
            api.token("auditor")
            began = time.perf_counter()
            status, page = api.call("auditor", "GET", path)
            while status == 429:
                time.sleep(0.2)
                began = time.perf_counter()
                status, page = api.call("auditor", "GET", path)
            if n > 0:  # the first one warms up
                took.append((time.perf_counter() - began) * 1000)
                found += len(page["items"]) if status == 200 else 0
                failed += status != 200
            if sum(took) > 120_000:
                break  # slow enough to know
        took.sort()
        p50, p95 = took[(len(took) - 1) // 2], took[math.ceil(len(took) * 0.95) - 1]
        print(f"{p50:.2f} {p95:.2f} {took[-1]:.2f} {found / len(took):.1f} {failed} {name}", flush=True)


run(sys.argv[1], int(sys.argv[2]))
