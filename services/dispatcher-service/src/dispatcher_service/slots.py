import asyncio
from collections import deque


class Slots:
    """Bounds how much is in flight; first come, first served.

    asyncio.Semaphore does the same, but looks at every waiter it has woken each time a slot comes back: with hundreds of calls ending in
    one turn of the loop that is a good part of their cost. So is asyncio.timeout, beside a timer that settles the wait itself.
    """

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def taken(self) -> int:
        return self._count - self._free

    async def take(self, longest_wait_seconds: float) -> bool:
        """Whether a slot came in time."""
        if self._free:
            self._free -= 1
            return True
        loop = asyncio.get_running_loop()
        place: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(place)
        timer = loop.call_later(max(0.0, longest_wait_seconds), _settle, place, False)
        try:
            return await place
        except asyncio.CancelledError:
            if not place.cancelled() and place.result():  # it came in the same turn of the loop
                self.give_back()
            raise
        finally:
            timer.cancel()

    def give_back(self) -> None:
        while self._waiting:
            if _settle(self._waiting.popleft(), True):
                return
        self._free += 1


def _settle(place: "asyncio.Future[bool]", given: bool) -> bool:
    """Whether it was still open."""
    if place.done():
        return False
    place.set_result(given)
    return True
