"""A circuit breaker for coroutines, over pybreaker's state machine."""

from types import TracebackType

from servicekit.errors import Unavailable


class BreakerOpen(Unavailable):
    """The circuit breaker is open: no call was made."""


class Breaker:
    """Counts consecutive failures of calls to one provider; open, it lets none through; half open, one at a time.

    Cancellation and the exceptions in `ignored` count as neither failure nor success.
    """

    def __init__(
        self, name: str, *, failures_to_open: int = 5, open_seconds: float = 30, ignored: tuple[type[BaseException], ...] = ()
    ) -> None:
        raise NotImplementedError

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        raise NotImplementedError

    @property
    def seconds_until_probe(self) -> float:
        """How long calls will still be refused; 0 when one may be tried."""
        raise NotImplementedError

    def guard(self) -> "Guard":
        """`with breaker.guard(): await call()`. Entering raises BreakerOpen if no call may be made; the block's exception, if any, passes on."""
        raise NotImplementedError


class Guard:
    """One call under a breaker."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        raise NotImplementedError
