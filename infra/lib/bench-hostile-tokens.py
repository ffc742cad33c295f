"""Tokens with made-up key ids: bench-hostile-tokens.py CONTROL-PLANE-URL ISSUER SECONDS. Calls the API with them at a bounded pace. Writes `ready` before it
begins, and at the end, in one line, how many were refused and how much of a processor it used."""

import base64
import http.client
import json
import os
import sys
import time
import urllib.parse

PACE = 150  # a second: below what one address may


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token(issuer, n):
    now = int(time.time())
    claims = {"iss": issuer, "aud": "accessplane", "sub": "engineer", "iat": now, "exp": now + 300}
    signature = base64.urlsafe_b64encode(os.urandom(256)).rstrip(b"=").decode()
    return f'{part({"alg": "RS256", "typ": "at+jwt", "kid": f"made-up-{n}"})}.{part(claims)}.{signature}'


def run(url, issuer, seconds):
    at = urllib.parse.urlsplit(url)
    api = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
    print("ready", flush=True)
    processor, since, sent, refused = os.times(), time.monotonic(), 0, 0
    while (now := time.monotonic()) - since < seconds:
        if now - since < sent / PACE:
            time.sleep(sent / PACE - (now - since))
        api.request("GET", "/v1/grants", headers={"Authorization": f"Bearer {token(issuer, sent)}"})
        answer = api.getresponse()
        answer.read()
        if answer.status == 200:
            sys.exit("a made-up token was let in")
        sent, refused = sent + 1, refused + 1
    used, took = os.times(), time.monotonic() - since
    print(json.dumps({"sent": sent, "refused": refused, "processor": (used.user + used.system - processor.user - processor.system) / took}), flush=True)


run(sys.argv[1], sys.argv[2], float(sys.argv[3]))
