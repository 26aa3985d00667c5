from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from dispatcher_service.domain import Answer, Due, Letter


class Composer(Protocol):
    def compose(self, due: Due) -> Letter:
        """The letter of a message, in the nearest language there is a text for.

        Pure: the same message gives the same letter, byte for byte, as long as the templates are the same. Raises CannotCompose, and
        nothing else, if there is no text for the kind or the text cannot be made of what the message holds.
        """


class Provider(Protocol):
    """Takes letters in for delivery."""

    @property
    def name(self) -> str:
        """Named in results, metrics and the shared rate limit."""

    async def send(self, letter: Letter, timeout_seconds: float) -> Answer:
        """Make exactly one call, and say what is known of the letter after it.

        REFUSED and PERMANENT mean that nothing was taken in, for sure. Whatever failed after the first byte of the request may have gone
        out is UNSURE, unless the provider's own answer settles it. Returns within `timeout_seconds` or little more. Raises nothing but
        CancelledError; a cancelled call may have been taken in. Sending again under the same key is one delivery at a provider that
        honours keys.
        """

    async def close(self) -> None:
        """Let go of all connections. Idempotent."""


class NotSent(Exception):
    """No byte of the request has left: the name, the connection or the TLS handshake failed."""


class Unanswered(Exception):
    """The request may have been received, but no whole answer came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer; `headers` finds names whatever their case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient(Protocol):
    """Speaks HTTP to one provider: connections kept alive, no redirects followed, nothing tried twice."""

    async def post(self, url: str, headers: dict[str, str], body: bytes, timeout_seconds: float) -> Reply:
        """Post once. Any status is a Reply. Raises NotSent only if it is certain; in every case of doubt, Unanswered."""

    async def close(self) -> None:
        """Let go of all connections. Idempotent."""


class RateLimit(Protocol):
    async def take(self, latest: float) -> bool:
        """Wait for the right to make one call, at most until the monotonic instant `latest`; False if it does not come by then.

        A right that is not used soon is lost. Never raises: without the store that replicas share, each keeps to its own part.
        """


@dataclass(frozen=True, slots=True)
class Grant:
    """Some of the calls asked for; if none, the wait until there may be one."""

    calls: int
    wait_seconds: float = 0


class Allowance(Protocol):
    async def reserve(self, calls: int) -> Grant:
        """Take the right to make up to `calls` calls out of what the limit still allows. Never waits for it."""
