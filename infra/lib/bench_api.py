"""The API over one connection that is kept open, as people of the demo."""

import http.client
import json
import os
import subprocess
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOKENS_GOOD_FOR = 300


class Api:
    def __init__(self, url):
        at = urllib.parse.urlsplit(url)
        self.connection, self.tokens = http.client.HTTPConnection(at.hostname, at.port, timeout=120), {}

    def token(self, who):
        token, until = self.tokens.get(who, ("", 0))
        if time.monotonic() > until:
            token = subprocess.run([f"{ROOT}/infra/token", who], check=True, capture_output=True, text=True).stdout.strip()
            self.tokens[who] = (token, time.monotonic() + TOKENS_GOOD_FOR)
        return token

    def call(self, who, method, path, body=None):
        """The status, and what was answered."""
        headers = {"Authorization": f"Bearer {self.token(who)}", "Content-Type": "application/json"}
        self.connection.request(method, f"/v1{path}", None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said else None

    def do(self, who, method, path, body=None):
        """What was answered, which must be a success; a call too many is made again after a while."""
        while True:
            status, said = self.call(who, method, path, body)
            if status == 429:
                time.sleep(0.2)
                continue
            if status >= 300:
                raise SystemExit(f"{method} {path} answered {status}: {said}")
            return said


def plain(url):
    """A ticket's address, without TLS."""
    return url.split("?")[0] + "?sslmode=disable"
