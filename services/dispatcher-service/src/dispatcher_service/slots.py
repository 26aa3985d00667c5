import asyncio
from collections import deque


class Slots:
    """Bounds how much is in flight; first come, first served.

    asyncio.Semaphore does the same, but looks at every waiter it has woken each time a slot comes back: with hundreds of calls ending in
    one turn of the loop that is a good part of their cost.
    """

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        return self._count - self._free

    async def take(self, longest_wait_seconds: float) -> bool:
        """Whether a slot came in time."""
        if self._free:
            self._free -= 1
            return True
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            async with asyncio.timeout(max(0.0, longest_wait_seconds)):
                await place
        except TimeoutError:
            return _given(place)  # it may have come in the same turn of the loop
        except asyncio.CancelledError:
            if _given(place):
                self.give_back()
            raise
        return True

    def give_back(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1


def _given(place: "asyncio.Future[None]") -> bool:
    return place.done() and not place.cancelled()
