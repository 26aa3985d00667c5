"""Makes a user whose birthday is today, somewhere where nine o'clock is past; waits for the greeting; reads it back; cleans up.

Without a simulator it greets nobody: then the user has no dates.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

API = os.environ["API_URL"] + "/api/v1"
API_KEY = os.environ.get("API_KEY", "")
SIMULATOR = os.environ.get("SIMULATOR_URL", "")
SECONDS = float(os.environ["TIMEOUT_SECONDS"])
ZONES = (
    "Pacific/Auckland",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Africa/Cairo",
    "Europe/London",
    "America/Sao_Paulo",
    "America/Denver",
    "Pacific/Honolulu",
)


def main() -> None:
    email = f"helm-test-{uuid.uuid4()}@example.org"
    user = call("POST", f"{API}/users", profile(email))
    try:
        assert call("GET", f"{API}/users/{user['id']}")["email"] == email
        if SIMULATOR:
            check_greeting(user["id"], email)
    finally:
        call("DELETE", f"{API}/users/{user['id']}")
    print("The mesh works: a user was made, greeted once, read back and deleted." if SIMULATOR else "The API works.")


def profile(email: str) -> dict[str, Any]:
    zone = next(zone for zone in ZONES if 10 <= datetime.now(ZoneInfo(zone)).hour <= 22)
    birthday = {"birthday": f"--{datetime.now(ZoneInfo(zone)):%m-%d}"} if SIMULATOR else {}
    return {"firstName": "Helm", "lastName": "Test", "email": email, "timezone": zone, **birthday}


def check_greeting(user_id: str, email: str) -> None:
    message = until("SENT", lambda: sent_message(user_id))
    letters = call("GET", f"{SIMULATOR}/received?email={email}")["received"]
    assert [letter["greetings"] for letter in letters] == [1], letters
    assert letters[0]["key"] == message["id"], letters


def sent_message(user_id: str) -> dict[str, Any] | None:
    messages = call("GET", f"{API}/messages?userId={user_id}").get("messages", [])
    return next((message for message in messages if message["state"] == "SENT"), None)


def until(what: str, look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(1)
    sys.exit(f"not {what} within {SECONDS:g} s")


def call(method: str, url: str, body: object = None) -> Any:
    payload = None if body is None else json.dumps(body).encode()
    identity = {"X-Api-Key": API_KEY} if API_KEY and url.startswith(API) else {}
    request = Request(url, data=payload, method=method, headers={"Content-Type": "application/json", **identity})
    with urlopen(request, timeout=10) as response:
        return json.loads(response.read() or "{}")


if __name__ == "__main__":
    main()
