"""What travels with a request through a process and on to the next: who asks, under which id, until when."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from servicekit.clock import monotonic

REQUEST_ID_KEY = "x-request-id"
IDENTITY_KEY = "x-identity"
ROLES_KEY = "x-roles"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`deadline` is in seconds of `clock.monotonic`; None: no limit. `identity` is empty for an anonymous caller."""

    request_id: str = ""
    identity: str = ""
    roles: frozenset[str] = frozenset()
    deadline: float | None = None

    def seconds_left(self) -> float | None:
        return None if self.deadline is None else self.deadline - monotonic()

    def metadata(self) -> list[tuple[str, str]]:
        """What is passed on to the next service."""
        pairs = ((REQUEST_ID_KEY, self.request_id), (IDENTITY_KEY, self.identity), (ROLES_KEY, ",".join(sorted(self.roles))))
        return [(key, value) for key, value in pairs if value]


_OUTSIDE = RequestContext()
_current: ContextVar[RequestContext] = ContextVar("request_context", default=_OUTSIDE)


def current() -> RequestContext:
    """The context of the request being served in this task; an empty one outside of any."""
    return _current.get()


@contextmanager
def serving(context: RequestContext) -> Iterator[None]:
    """Make `context` the current one within the block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
