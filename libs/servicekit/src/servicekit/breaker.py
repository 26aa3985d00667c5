"""A circuit breaker for coroutines, over pybreaker's state machine."""

from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn

import pybreaker
from prometheus_client import Counter, Gauge

from servicekit.clock import monotonic
from servicekit.errors import Unavailable

STATE = Gauge("breaker_state", "State of a circuit breaker: 0 closed, 1 half open, 2 open.", ["breaker"])
TRANSITIONS = Counter("breaker_transitions_total", "Changes of a circuit breaker's state.", ["breaker", "state"])
REFUSALS = Counter("breaker_refusals_total", "Calls that were not made because a circuit breaker was open.", ["breaker"])
_STATE_VALUES = {pybreaker.STATE_CLOSED: 0, pybreaker.STATE_HALF_OPEN: 1, pybreaker.STATE_OPEN: 2}


class BreakerOpen(Unavailable):
    """The circuit breaker is open: no call was made."""


class Breaker:
    """Counts consecutive failures of calls to one provider; open, it lets none through; half open, one at a time.

    Cancellation and the exceptions in `ignored` count as neither failure nor success.
    """

    def __init__(
        self, name: str, *, failures_to_open: int = 5, open_seconds: float = 30, ignored: tuple[type[BaseException], ...] = ()
    ) -> None:
        self.name = name
        self.state: str = pybreaker.STATE_CLOSED
        self._ignored = ignored
        self._probing = False
        self._opened_at = 0.0
        self._core = pybreaker.CircuitBreaker(
            fail_max=failures_to_open, reset_timeout=open_seconds, listeners=[_Listener(self)], name=name, throw_new_error_on_trip=False
        )
        STATE.labels(name).set(0)

    @property
    def seconds_until_probe(self) -> float:
        """How long calls will still be refused; 0 when one may be tried."""
        if self.state != pybreaker.STATE_OPEN:
            return 0.0
        return max(0.0, self._opened_at + self._core.reset_timeout - monotonic())

    def guard(self) -> "Guard":
        """`with breaker.guard(): await call()`. Entering raises BreakerOpen if no call may be made; the block's own exception passes on."""
        return Guard(self)

    def _enter(self) -> bool:
        """Whether the call about to be made is the probe."""
        if self.state == pybreaker.STATE_CLOSED:
            return False
        if self._probing or self.seconds_until_probe > 0:
            REFUSALS.labels(self.name).inc()
            raise BreakerOpen(f"The circuit breaker of {self.name} is open: no call was made.")
        if self.state == pybreaker.STATE_OPEN:
            self._core.half_open()
        self._probing = True
        return True

    def _leave(self, error: BaseException | None, probe: bool) -> None:
        if probe:
            self._probing = False
        elif self.state != pybreaker.STATE_CLOSED:
            return  # begun before the breaker opened: says nothing about the provider now
        if error is None:
            # pybreaker costs 4 us a call; while nothing has failed a success changes nothing, so it is not told.
            if probe or self._core.fail_counter:
                self._core.call(_succeed)
        elif isinstance(error, Exception) and not isinstance(error, self._ignored):
            with suppress(type(error)):
                self._core.call(_fail, error)


class Guard:
    """One call under a breaker."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._probe = False

    def __enter__(self) -> None:
        self._probe = self._breaker._enter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._breaker._leave(error, self._probe)


class _Listener(pybreaker.CircuitBreakerListener):
    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def state_change(self, cb: Any, old_state: Any, new_state: Any) -> None:
        self._breaker.state = new_state.name
        self._breaker._opened_at = monotonic()
        STATE.labels(self._breaker.name).set(_STATE_VALUES[new_state.name])
        TRANSITIONS.labels(self._breaker.name, new_state.name).inc()


def _succeed() -> None:
    pass


def _fail(error: Exception) -> NoReturn:
    raise error
