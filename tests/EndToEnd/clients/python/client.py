"""psycopg2 through the agent: parameters, server-side cursors, COPY both ways, transactions, notifications, cancel."""
import io
import select
import sys
import threading

import psycopg2
import psycopg2.extensions

connection = psycopg2.connect(sys.argv[1])
cursor = connection.cursor()
cursor.execute("SELECT %s, %s, %s", (1, "it's naïve 🙂", None))
assert cursor.fetchone() == (1, "it's naïve 🙂", None)

cursor.execute("CREATE TEMP TABLE copied (n int, s text)")
cursor.copy_from(io.StringIO("".join(f"{i}\trow {i}\n" for i in range(5000))), "copied")
out = io.StringIO()
cursor.copy_expert("COPY copied TO STDOUT", out)
assert out.getvalue().count("\n") == 5000
connection.commit()

with connection.cursor("server_side") as named:
    named.itersize = 100
    named.execute("SELECT n FROM copied ORDER BY n")
    assert [row[0] for row in named] == list(range(5000))
connection.commit()

try:
    cursor.execute("SELECT 1 / 0")
    raise AssertionError("the division went through")
except psycopg2.errors.DivisionByZero:
    connection.rollback()
cursor.execute("SELECT 1")
assert cursor.fetchone() == (1,)
connection.commit()

connection.set_isolation_level(psycopg2.extensions.ISOLATION_LEVEL_AUTOCOMMIT)
cursor.execute("LISTEN news")
cursor.execute("NOTIFY news, 'hello'")
while not connection.notifies:
    assert select.select([connection], [], [], 10)[0], "no notification came"
    connection.poll()
assert connection.notifies.pop().payload == "hello"

# cancel travels on a connection of its own and stops what runs
started = threading.Timer(0.5, connection.cancel)
started.start()
try:
    cursor.execute("SELECT pg_sleep(30)")
    raise AssertionError("the sleep was not cancelled")
except psycopg2.errors.QueryCanceled:
    pass
cursor.execute("SELECT 'still usable'")
assert cursor.fetchone() == ("still usable",)
connection.close()
print("psycopg2: ok")
