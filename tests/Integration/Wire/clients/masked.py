"""Reads masked columns of several types; a cursor on the server over them is refused."""
import sys

import psycopg2

COLUMNS = "SELECT id, name, ssn, salary, dob, profile, tags, photo FROM customers WHERE id = 1"
connection = psycopg2.connect(sys.argv[1])
with connection.cursor() as cursor:
    cursor.execute(COLUMNS)
    print(cursor.fetchone())
try:
    with connection.cursor("on_the_server") as cursor:
        cursor.execute(COLUMNS)
except psycopg2.Error as error:
    print(error.pgcode)
