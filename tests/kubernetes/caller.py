"""Calls the API from inside the cluster until it is told to end, and then says in one line of JSON how that went. Runs in a pod."""

import json
import os
import signal
import sys
import time
import uuid
from http.client import HTTPConnection
from urllib.parse import urlsplit

API = urlsplit(os.environ["API_URL"])
PAUSE_SECONDS = float(os.environ.get("PAUSE_SECONDS", "0.02"))


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    tally: dict[str, int] = {}
    failures: list[str] = []
    slowest = 0.0
    try:
        while True:
            began = time.monotonic()
            outcome = one_round()
            slowest = max(slowest, time.monotonic() - began)
            tally[outcome] = tally.get(outcome, 0) + 1
            if outcome != "fine" and len(failures) < 20:
                failures.append(f"{time.strftime('%H:%M:%S')} {outcome}")
            time.sleep(PAUSE_SECONDS)
    finally:
        print(json.dumps({"rounds": tally, "failures": failures, "slowest": round(slowest, 3)}), flush=True)


def one_round() -> str:
    """Makes a user, reads them back, looks at messages and deliveries, and deletes the user; "fine", or what failed."""
    status, user = call(
        "POST", "/users", {"firstName": "A", "lastName": "B", "email": f"{uuid.uuid4()}@example.org", "timezone": "Etc/UTC"}
    )
    if status != 200:
        return f"create: {status} {user}"
    for method, path in (("GET", f"/users/{user['id']}"), ("GET", "/messages"), ("GET", "/deliveries"), ("DELETE", f"/users/{user['id']}")):
        status, answer = call(method, path)
        if status != 200:
            return f"{method} {path.split('/')[1]}: {status} {answer}"
    return "fine"


def call(method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
    """Each call has a connection of its own, so that it may meet any replica."""
    connection = HTTPConnection(API.hostname or "", API.port, timeout=15)
    try:
        connection.request(method, f"/api/v1{path}", json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "{}")
    except OSError as error:
        return 0, {"error": repr(error)}
    finally:
        connection.close()


if __name__ == "__main__":
    main()
