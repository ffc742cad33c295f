"""Connects as often as it is told to each address in turn, one at a time, and prints how long each connect took, in ms: bench-login.py N NAME=URL…"""

import sys
import time

import psycopg2

count = int(sys.argv[1])
places = [place.split("=", 1) for place in sys.argv[2:]]
for _ in range(count):
    for name, url in places:
        began = time.perf_counter()
        connection = psycopg2.connect(url)
        took = time.perf_counter() - began
        connection.close()
        print(name, f"{took * 1000:.2f}")
