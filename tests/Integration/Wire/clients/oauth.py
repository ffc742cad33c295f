"""Signs in with libpq 18 and a token from outside, as its hook for flows of one's own has it; prints what it was asked for, and one value."""
import ctypes
import os
import sys


class Request(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""
    _fields_ = [("discovery", ctypes.c_char_p), ("scope", ctypes.c_char_p), ("poll", ctypes.c_void_p), ("cleanup", ctypes.c_void_p),
                ("token", ctypes.c_char_p), ("user", ctypes.c_void_p)]


BEARER_TOKEN = 1
Hook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Request))
token = os.environ["TOKEN"].encode()


def bring(kind, _, request):
    if kind != BEARER_TOKEN:
        return 0
    print("a token is wanted of", request.contents.discovery.decode(), "for", request.contents.scope.decode(), flush=True)
    request.contents.token = token
    return 1


libpq = ctypes.CDLL(sys.argv[1])
for name in ("PQconnectdb", "PQexec"):
    getattr(libpq, name).restype = ctypes.c_void_p
for name in ("PQerrorMessage", "PQresultErrorMessage", "PQgetvalue"):
    getattr(libpq, name).restype = ctypes.c_char_p
hook = Hook(bring)
libpq.PQsetAuthDataHook(hook)
connection = ctypes.c_void_p(libpq.PQconnectdb(sys.argv[2].encode()))
if libpq.PQstatus(connection) != 0:
    sys.exit(libpq.PQerrorMessage(connection).decode())
result = ctypes.c_void_p(libpq.PQexec(connection, sys.argv[3].encode()))
if libpq.PQntuples(result) != 1:
    sys.exit(libpq.PQresultErrorMessage(result).decode())
print(libpq.PQgetvalue(result, 0, 0).decode())
libpq.PQfinish(connection)
