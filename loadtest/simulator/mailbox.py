"""What the simulated provider was asked and what it took in: the proof of who was greeted, how often and when."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import orjson


class OtherBody(Exception):
    """The idempotency key is known with another body."""


@dataclass(slots=True)
class Letter:
    """All calls under one key (or, without keys, one letter for each address and text)."""

    key: str
    email: str = ""
    message: str = ""
    body: bytes = b""
    message_id: str = ""
    calls: int = 0
    accepted_at: list[float] = field(default_factory=list)  # one for each greeting that the person would have received
    repeated_at: list[float] = field(default_factory=list)  # accepted again under the same key: no second greeting

    def as_json(self) -> dict[str, object]:
        return {
            "key": self.key,
            "email": self.email,
            "message": self.message,
            "body": self.body.decode("utf-8", "replace"),
            "message_id": self.message_id,
            "calls": self.calls,
            "greetings": len(self.accepted_at),
            "accepted_at": self.accepted_at,
            "repeated_at": self.repeated_at,
        }


class Mailbox:
    """Remembers letters by key. With a log file it survives the end of the process, by kill -9 too."""

    def __init__(self, log: Path | None = None) -> None:
        self.letters: dict[str, Letter] = {}
        self.fates: Counter[str] = Counter()
        self.calls = 0
        self._log_path = log
        self._log: IO[bytes] | None = None
        if log is not None:
            self._replay(log)
            self._log = log.open("ab", buffering=0)  # one write for each line: all that was answered is on file

    def call(self, key: str, email: str, message: str) -> Letter:
        """Count a call, and return its letter; `key` may be empty."""
        self.calls += 1
        name = key or f"{email}\n{message}"
        letter = self.letters.get(name)
        if letter is None:
            letter = self.letters[name] = Letter(key)
        letter.calls += 1
        if not letter.accepted_at:
            letter.email, letter.message = email, message
        return letter

    def accept(self, letter: Letter, body: bytes, at: float, *, keys: bool) -> None:
        """Take the letter in. Under a key that is honoured the second time is no second greeting; raises OtherBody if its body differs."""
        if not (keys and letter.key and letter.accepted_at):
            letter.body, letter.message_id = body, letter.message_id or f"sim-{len(self.letters):08d}"
            letter.accepted_at.append(at)
        elif letter.body != body:
            raise OtherBody
        else:
            letter.repeated_at.append(at)

    def record(self, letter: Letter, fate: str, at: float, *, accepted: bool) -> None:
        """Count what became of the call, and write it to the log."""
        self.fates[fate] += 1
        if self._log is not None:
            line = {"at": at, "fate": fate, "accepted": accepted, "key": letter.key, "email": letter.email, "message": letter.message}
            body = {"body": letter.body.decode("utf-8", "replace"), "message_id": letter.message_id} if accepted else {}
            self._log.write(orjson.dumps(line | body, option=orjson.OPT_APPEND_NEWLINE))

    def clear(self) -> None:
        self.letters.clear()
        self.fates.clear()
        self.calls = 0
        if self._log is not None:
            self._log.truncate(0)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    def stats(self) -> dict[str, object]:
        accepted = [at for letter in self.letters.values() for at in letter.accepted_at]
        return {
            "calls": self.calls,
            "letters": len(self.letters),
            "greetings": len(accepted),
            "doubled": sum(len(letter.accepted_at) > 1 for letter in self.letters.values()),
            "repeats": sum(len(letter.repeated_at) for letter in self.letters.values()),
            "failures": sum(count for fate, count in self.fates.items() if fate != "accept"),
            "fates": dict(self.fates),
            "first_accepted_at": min(accepted, default=None),
            "last_accepted_at": max(accepted, default=None),
        }

    def _replay(self, log: Path) -> None:
        if not log.exists():
            return
        for line in log.read_bytes().splitlines():
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:  # the last line, cut off by a crash of the machine
                continue
            letter = self.call(entry["key"], entry["email"], entry["message"])
            self.fates[entry["fate"]] += 1
            if entry["accepted"]:
                (letter.repeated_at if letter.accepted_at and letter.key else letter.accepted_at).append(entry["at"])
                letter.body, letter.message_id = entry["body"].encode(), entry["message_id"]
