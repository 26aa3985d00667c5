"""What travels with a request through a process and on to the next: who asks, under which id, until when."""

from dataclasses import dataclass

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


def current() -> RequestContext:
    """The context of the request being served in this task; an empty one outside of any."""
    raise NotImplementedError
