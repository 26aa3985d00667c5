"""The routes of the simulated provider."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import orjson

from simulator.behaviour import BadBehaviour, Behaviour, Dice, Fate
from simulator.http import Answer, End, Request
from simulator.mailbox import Letter, Mailbox, OtherBody

ADDRESS_LONGEST = 254
_ENDS = {Fate.RESET: End.RESET, Fate.DROP: End.CLOSE, Fate.HANG: End.SILENCE, Fate.LOSE: End.SILENCE}


class Provider:
    """Answers requests by its behaviour, and remembers what it took in."""

    def __init__(self, behaviour: Behaviour, mailbox: Mailbox, refuse: Callable[[float], None]) -> None:
        self._mailbox = mailbox
        self._refuse = refuse
        self._second, self._calls_this_second = 0, 0
        self._behave(behaviour)
        self._routes: dict[tuple[str, str], Callable[[Request], Answer]] = {
            ("POST", "/send-email"): self._send_email,
            ("GET", "/received"): self._received,
            ("GET", "/stats"): lambda _: _json(self._mailbox.stats()),
            ("GET", "/control"): lambda _: _json(asdict(self._behaviour)),
            ("POST", "/control"): self._control,
            ("POST", "/reset"): self._reset,
            ("GET", "/health"): lambda _: _json({"status": "ok"}),
        }

    def respond(self, request: Request) -> Answer:
        path = request.target.partition("?")[0]
        route = self._routes.get((request.method, path))
        if route is not None:
            return route(request)
        if any(path == known for _, known in self._routes):
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} does not take {request.method}.")
        return _error(HTTPStatus.NOT_FOUND, f"There is no {path}. There are: {', '.join(sorted({path for _, path in self._routes}))}.")

    def _behave(self, behaviour: Behaviour) -> None:
        self._behaviour, self._dice = behaviour, Dice(behaviour)

    def _send_email(self, request: Request) -> Answer:
        at = time.time()
        try:
            email, message = _parse(request.body)
        except ValueError as error:
            return _error(HTTPStatus.BAD_REQUEST, str(error))
        letter = self._mailbox.call(request.headers.get(b"idempotency-key", b"").decode("latin-1"), email, message)
        name = letter.key or email
        fate = Fate.THROTTLE if self._over_limit(at) else self._dice.fate(name, letter.calls)
        answer = self._meet(fate, name, letter, request.body, at)
        answer.delay_seconds = self._dice.seconds(name, letter.calls)
        return answer

    def _meet(self, fate: Fate, name: str, letter: Letter, body: bytes, at: float) -> Answer:
        takes_in = fate in (Fate.ACCEPT, Fate.DROP, Fate.RUBBISH, Fate.LOSE)
        if takes_in:
            try:
                self._mailbox.accept(letter, body, at, keys=self._behaviour.keys)
            except OtherBody:
                self._mailbox.record(letter, "other_body", at, accepted=False)
                return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "The Idempotency-Key is known with another body.")
        status = self._dice.failure_code(name, letter.calls) if fate is Fate.FAIL else 0
        self._mailbox.record(letter, f"{fate.value}_{status}" if status else fate.value, at, accepted=takes_in)
        return self._answer(fate, letter, status)

    def _answer(self, fate: Fate, letter: Letter, status: int) -> Answer:
        if fate is Fate.ACCEPT:
            return Answer(HTTPStatus.OK, b'{"success":true,"messageId":"%s"}' % letter.message_id.encode())
        if fate is Fate.FAIL:
            return _error(status, "The simulator was told to fail.")
        if fate is Fate.THROTTLE:
            retry_after = (("Retry-After", str(self._behaviour.retry_after_seconds)),)
            return Answer(HTTPStatus.TOO_MANY_REQUESTS, b'{"success":false,"error":"Too many requests."}', retry_after)
        if fate is Fate.UNSUCCESSFUL:
            return _json({"success": False, "error": "The simulator was told not to succeed."})
        if fate is Fate.RUBBISH:
            return Answer(HTTPStatus.OK, b"<html>Welcome to nginx!</html>", content_type="text/html")
        return Answer(HTTPStatus.OK, end=_ENDS[fate])

    def _over_limit(self, at: float) -> bool:
        if not self._behaviour.rate_limit_per_second:
            return False
        if int(at) != self._second:
            self._second, self._calls_this_second = int(at), 0
        self._calls_this_second += 1
        return self._calls_this_second > self._behaviour.rate_limit_per_second

    def _received(self, request: Request) -> Answer:
        wanted = {name: values[-1] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if unknown := sorted(set(wanted) - {"key", "email"}):
            return _error(HTTPStatus.BAD_REQUEST, f"Unknown filter: {', '.join(unknown)}. Known: key, email.")
        letters = [letter.as_json() for letter in self._mailbox.letters.values()]
        return _json({"received": [each for each in letters if all(each[name] == value for name, value in wanted.items())]})

    def _control(self, request: Request) -> Answer:
        try:
            changes = orjson.loads(request.body)
            if not isinstance(changes, dict):
                raise BadBehaviour("A JSON object of settings is wanted.")
            refuse_seconds = changes.pop("refuse_seconds", 0)
            if type(refuse_seconds) not in (int, float) or refuse_seconds < 0:
                raise BadBehaviour("refuse_seconds is a number of seconds.")
            self._behave(self._behaviour.changed(changes))
        except ValueError as error:
            return _error(HTTPStatus.BAD_REQUEST, str(error))
        if refuse_seconds:
            asyncio.get_running_loop().call_soon(self._refuse, refuse_seconds)
        return _json(asdict(self._behaviour))

    def _reset(self, request: Request) -> Answer:
        self._mailbox.clear()
        return _json(self._mailbox.stats())


def _parse(body: bytes) -> tuple[str, str]:
    content = orjson.loads(body)
    email, message = (content.get("email"), content.get("message")) if isinstance(content, dict) else (None, None)
    if not isinstance(email, str) or "@" not in email or len(email) > ADDRESS_LONGEST:
        raise ValueError("email: an address is wanted.")
    if not isinstance(message, str) or not message:
        raise ValueError("message: a text is wanted.")
    return email, message


def _json(content: object, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status, orjson.dumps(content))


def _error(status: int, sentence: str) -> Answer:
    return _json({"success": False, "error": sentence}, status)
