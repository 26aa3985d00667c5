"""The dispatcher as its bootstrap puts it together, before a simulated provider."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from dispatcher_service.adapters.memory import PlainComposer
from dispatcher_service.adapters.rate_limit import Unlimited
from dispatcher_service.courier import Courier, Tries
from dispatcher_service.gate import Gate, Timing
from dispatcher_service.service import Dispatcher
from dispatcher_service.servicer import DispatcherServicer
from dispatcher_service.slots import Slots
from servicekit.breaker import Breaker
from servicekit.runtime import Backoff
from simulation.provider import SimulatedProvider
from simulation.virtual import VirtualClock

TIMING = Timing(call=10, call_minimum=2, margin=0.5, pause_longest=900)
TRIES = Tries(3, Backoff(0.2, 2), repeat_unsure=True)


class DispatcherServer:
    """One dispatcher, which can be down; what it was at is cut off."""

    def __init__(self, clock: VirtualClock, provider: SimulatedProvider) -> None:
        self._clock = clock
        self._provider = provider
        # A dict, for its order: a set's would differ from run to run.
        self._calls: dict[asyncio.Timeout, None] = {}
        self.servicer: DispatcherServicer | None = None
        self.start()

    def start(self) -> None:
        breaker = Breaker(self._provider.name, failures_to_open=5, open_seconds=10)
        gate = Gate(Unlimited(), breaker, self._clock, TIMING, Slots(400))
        composer = PlainComposer(lambda due: f"{due.email} {due.kind} {due.variant} {due.locale} {due.first_name} {due.years}")
        courier = Courier(composer, self._provider, breaker, gate, self._clock, TRIES)
        self.servicer = DispatcherServicer(Dispatcher(courier, gate, group_seconds=0.1), self._clock, default_deadline_seconds=30)

    def kill(self) -> None:
        self.servicer = None
        for call in tuple(self._calls):
            call.reschedule(asyncio.get_running_loop().time())

    @contextmanager
    def serving(self, call: asyncio.Timeout) -> Iterator[None]:
        """Cut the call off if the server dies meanwhile."""
        self._calls[call] = None
        try:
            yield
        finally:
            del self._calls[call]
