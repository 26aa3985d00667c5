"""The HTTP e-mail API: POST {base}/send-email."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import orjson

from dispatcher_service.domain import Answer, Letter, Verdict
from dispatcher_service.ports import HttpClient, NotSent, Reply, Unanswered
from servicekit.clock import Clock

# The provider did not take the call in, but may take the same call later. The credentials and the address of the API (redirects) are ours
# to mend, not the message's fault: whatever was refused for them is worth another try.
_TRY_LATER = frozenset({401, 403, 407, 408, 425, 429, 503})
_IN_PROGRESS = 409  # under an idempotency key: an earlier call with this key has not ended, and may yet be taken in


class HttpEmail:
    """Sends letters by the HTTP e-mail API, under the message's id as idempotency key."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        *,
        name: str,
        base_url: str,
        authorization: str = "",
        fields: frozenset[str] = frozenset(),
        refusals: frozenset[int] = frozenset(),
    ) -> None:
        self.name = name
        self._client = client
        self._clock = clock
        self._url = f"{base_url.rstrip('/')}/send-email"
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        self._fields = fields
        self._refusals = _TRY_LATER | refusals

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        headers = {**self._headers, "Idempotency-Key": letter.key}
        try:
            reply = await self._client.post(self._url, headers, self._body(letter), timeout_seconds)
        except NotSent as error:
            return Answer(Verdict.REFUSED, "not_connected", str(error), failing=True)
        except Unanswered as error:
            return Answer(Verdict.UNSURE, "no_answer", str(error), failing=True)
        pause = pause_seconds(reply.headers, self._clock.now())
        return self._accepted(reply, pause) if 200 <= reply.status < 300 else self._failed(reply, pause)

    async def close(self) -> None:
        await self._client.close()

    def _body(self, letter: Letter) -> bytes:
        content = {"email": letter.email, "message": letter.text}
        if self._fields:
            further = {"subject": letter.subject, "html": letter.html, "from": letter.sender, "replyTo": letter.reply_to}
            content |= {name: value for name, value in further.items() if name in self._fields and value}
        return orjson.dumps(content)

    def _accepted(self, reply: Reply, pause: float) -> Answer:
        try:
            content = orjson.loads(reply.body)
        except orjson.JSONDecodeError:
            content = None
        success = content.get("success") if isinstance(content, dict) else None
        if success is True:
            return Answer(Verdict.ACCEPTED, provider_message_id=str(content.get("messageId") or "")[:200], pause_seconds=pause)
        if success is False:
            return Answer(Verdict.REFUSED, "success_false", _said(reply), pause_seconds=pause, failing=True)
        return Answer(Verdict.UNSURE, "unreadable_answer", _said(reply), pause_seconds=pause, failing=True)

    def _failed(self, reply: Reply, pause: float) -> Answer:
        reason, status = f"http_{reply.status}", reply.status
        if status in self._refusals or 300 <= status < 400:
            return Answer(Verdict.REFUSED, reason, _said(reply), pause_seconds=pause, failing=status != HTTPStatus.TOO_MANY_REQUESTS)
        if 400 <= status < 500 and status != _IN_PROGRESS:
            return Answer(Verdict.PERMANENT, reason, _said(reply), pause_seconds=pause)
        return Answer(Verdict.UNSURE, reason, _said(reply), pause_seconds=pause, failing=status >= 500)


def pause_seconds(headers: Mapping[str, str], now: datetime) -> float:
    """For how long the provider asks for no further call: by Retry-After, or by rate-limit headers that say that nothing is left."""
    if (after := headers.get("retry-after")) is not None:
        return _seconds_or_date(after, now)
    for prefix in ("ratelimit", "x-ratelimit"):
        if headers.get(f"{prefix}-remaining", "").strip() == "0":
            return _reset_seconds(headers.get(f"{prefix}-reset", ""), now)
    return 0.0


def _seconds_or_date(text: str, now: datetime) -> float:
    if (seconds := _number(text)) is not None:
        return seconds
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def _reset_seconds(text: str, now: datetime) -> float:
    """Some providers give the seconds until the reset, others its Unix time."""
    seconds = _number(text) or 0.0
    return max(0.0, seconds - now.timestamp()) if seconds > now.timestamp() / 2 else seconds


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _said(reply: Reply) -> str:
    return reply.body[:2000].decode("utf-8", "replace")
